"""A microservice on Amazon Keyspaces and ECS Fargate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.environment import Environment
from components.iam import Access
from components.microservice_arguments import check_arguments
from components.microservice_variables import OWN_VARIABLES, connection_variables, service_variables, variable_of
from components.monitoring.alarms import Alarms
from components.monitoring.dashboard import ServiceView, create_dashboard
from components.monitoring.table_alarms import create_table_alarms
from components.names import check_name
from components.network.task_access import TaskAccess, create_task_access
from components.once.once import CompletedRun, Once, create_run
from components.once.task_run import TaskRun
from components.scheduled.scheduled import Scheduled, ScheduledTask, create_scheduled
from components.secrets import existing, generated
from components.secrets.existing import Existing
from components.secrets.generated import create_generated_secrets
from components.secrets.parameter import SecretParameter
from components.service.deployment import Deployment
from components.service.service import RunningService, Service, create_service
from components.service.worker import Worker, create_worker
from components.tables.table import KeyspacesTable, create_table
from components.tables.use import TableUse
from components.tasks.architecture import Architecture
from components.tasks.container import HealthCheck
from components.tasks.image import ExistingImage, Image, create_image, use_image
from components.tasks.permissions import Role, create_execution_role, create_task_role
from components.tasks.runnable import RunnableTask
from components.tasks.s3_source import S3Source
from components.tasks.sidecar import Sidecar, repository_arns
from components.tasks.task_definition import create_task_definition


class KeyspacesMicroservice(pulumi.ComponentResource):
    """A program in a container that reads or writes Keyspaces tables, as a service or once.

    It creates for itself: its own tables, a task role that can reach the tables it uses and nothing else, an execution
    role, an ECR repository and the image in it unless `image` is given, a log group, a security group, a task
    definition, and a service behind the environment's load balancer or one run of the task; if asked for, generated
    secrets, alarms and a dashboard. The attributes below give access to all of them; docs/components.md has examples.

    The container gets environment variables: AWS_REGION, KEYSPACES_ENDPOINT (`host:port`), KEYSPACES_KEYSPACE,
    KEYSPACES_TABLE_<NAME> for each table and, in a service, PORT and TRUSTED_PROXIES: the CIDR blocks, separated by
    commas, from which the load balancer sends requests. Its credentials come from the task role, as for every AWS SDK
    on ECS.

    name: the prefix of every child's name; see `check_name`.
    tables: each with `read` (Select) or `write` (Select and Modify). A `Table` is created, and dropped with the
    microservice; one of another microservice's `tables` is only used.
    dockerfile: its path from the folder of Pulumi.yaml; its own folder is the build context. image: an existing image
    in place of a build. With a `dockerfile` too, the local stack runs the build.
    command: the whole command. variables: more environment variables; not for secrets, since the console shows them.
    generated_secrets: environment variables, each with a random value that is the same for all tasks, such as a signing
    key. A value is generated once, as 43 characters of base64url, and stored only in SSM Parameter Store; see
    `SecretParameter`.
    secrets: environment variables with existing values: an `ExistingSecret` or `ExistingParameter` for each.
    sources: objects in S3 that the program may read. It learns their names by other means, such as `command`.
    sidecars: containers of your own beside the program's, which share each task's role, network and size.
    run: `Service`, `Worker`, `Once` or `Scheduled`.
    cpu: CPU units, 1024 to a vCPU. memory: MiB. Together one of the sizes Fargate offers.
    architecture: "ARM64" or "X86_64", of the tasks and of the image. The same machine can build for both if the
    Dockerfile runs commands only in a stage `FROM --platform=$BUILDPLATFORM`.
    alarms: create alarms; None for none. The alarms of a table count all its clients, so of the microservices that
    share a table, let only one have alarms. dashboard: create a CloudWatch dashboard.

    Raises InvalidArguments for what AWS would refuse.
    """

    tables: Mapping[str, KeyspacesTable]
    """By the program's name for each. Tables that are created here come with schema guard and auto scaling."""
    image: Image
    log_group: aws.cloudwatch.LogGroup
    generated_secrets: Mapping[str, SecretParameter]
    """By environment variable."""
    task_role: Role
    execution_role: Role
    task_access: TaskAccess
    task_definition: aws.ecs.TaskDefinition
    running: RunningService | None
    """The service of a `Service` or `Worker`, with its resources."""
    ran: CompletedRun | None
    """The run of a `Once`."""
    scheduled: ScheduledTask | None
    """The schedule of a `Scheduled`, with its resources."""
    alarms: dict[str, aws.cloudwatch.MetricAlarm]
    """By kind: those of `RunningService`, and of each table `<name>-throttles`, `<name>-system-errors` and
    `<name>-user-errors`."""
    dashboard: aws.cloudwatch.Dashboard | None

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        tables: Sequence[TableUse],
        command: Sequence[str],
        run: Service | Worker | Once | Scheduled,
        dockerfile: str | None = None,
        image: ExistingImage | None = None,
        variables: Mapping[str, pulumi.Input[str]] | None = None,
        generated_secrets: Sequence[str] = (),
        secrets: Mapping[str, Existing] | None = None,
        sources: Sequence[S3Source] = (),
        sidecars: Sequence[Sidecar] = (),
        cpu: int = 256,
        memory: int = 512,
        architecture: Architecture = "ARM64",
        alarms: Alarms | None = None,
        dashboard: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        check_name("KeyspacesMicroservice", name)
        account, network = environment.account, environment.network
        tracing = run.tracing if isinstance(run, Service) else None
        traces = tracing.variables(name, account) if tracing else {}
        exec_ = isinstance(run, Service | Worker) and run.exec
        secrets = secrets or {}
        check_arguments(
            name,
            run,
            network=network,
            tables=tables,
            dockerfile=dockerfile,
            image=image,
            variables=variables or {},
            own_variables={variable_of(use.name) for use in tables} | OWN_VARIABLES | traces.keys(),
            generated_secrets=generated_secrets,
            secrets=secrets,
            sources=sources,
            sidecars=sidecars,
            cpu=cpu,
            memory=memory,
            architecture=architecture,
        )
        super().__init__("keyspaces-platform:index:KeyspacesMicroservice", name, {}, opts)
        tags = {**environment.tags, "Microservice": name}
        alarms = alarms and alarms.in_region(account)

        self._environment = environment
        self.tables = {use.name: self._table(name, use, tags) for use in tables}
        used = {use.name: (self.tables[use.name].table, use.access) for use in tables}
        resources = [table for table, _ in used.values()]
        endpoints_only = network.https_security_group is not None
        self.image = self._image(name, image, dockerfile, architecture, endpoints_only, tags)
        self.log_group = aws.cloudwatch.LogGroup(
            name,
            retention_in_days=environment.log_retention_days,
            kms_key_id=environment.kms_key_arn,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.generated_secrets = create_generated_secrets(
            name, generated_secrets, kms_key_arn=environment.kms_key_arn, account=account, tags=tags, parent=self
        )
        self.task_role = create_task_role(
            f"{name}-task",
            tables=used,
            sources=sources,
            exec=exec_,
            traces=tracing is not None,
            path=environment.role_path,
            boundary_arn=environment.permissions_boundary_arn,
            account=account,
            tags=tags,
            parent=self,
        )
        self.execution_role = create_execution_role(
            f"{name}-execution",
            repository_arns=[
                self.image.repository_arn,
                *repository_arns(name, sidecars, account=account, endpoints_only=endpoints_only),
            ],
            agent=environment.guardduty,
            log_group=self.log_group,
            secrets=[
                *generated.statements(self.generated_secrets.values(), environment.kms_key_arn, account),
                *(
                    each
                    for secret in (
                        *secrets.values(),
                        *(held for sidecar in sidecars for held in sidecar.secrets.values()),
                    )
                    for each in existing.statements(secret, account)
                ),
            ],
            path=environment.role_path,
            boundary_arn=environment.permissions_boundary_arn,
            account=account,
            tags=tags,
            parent=self,
        )
        self.task_access = create_task_access(name, network=network, tags=tags, parent=self)
        self.task_definition = create_task_definition(
            name,
            image=self.image.digest,
            command=command,
            environment={
                **connection_variables(
                    account, environment.keyspace, {each: table for each, (table, _) in used.items()}
                ),
                **(service_variables(run, network) if isinstance(run, Service) else {}),
                **traces,
                **(variables or {}),
            },
            secrets={
                **{variable: secret.arn for variable, secret in self.generated_secrets.items()},
                **{variable: existing.value_from(secret, account) for variable, secret in secrets.items()},
            },
            generated=self.generated_secrets.values(),
            port=run.port if isinstance(run, Service) else None,
            cpu=cpu,
            memory=memory,
            architecture=architecture,
            exec=exec_,
            task_role=self.task_role,
            execution_role=self.execution_role,
            log_group=self.log_group,
            # A service does not wait for its log; a run does, since its error must show the last lines.
            log_mode="blocking" if isinstance(run, Once | Scheduled) else "non-blocking",
            health_check=HealthCheck(command=run.health_check, grace_period=run.grace_period)
            if isinstance(run, Worker) and run.health_check
            else None,
            sidecars=sidecars,
            account=account,
            tags=tags,
            parent=self,
        )
        task = RunnableTask(
            cluster=environment.cluster,
            task_definition=self.task_definition,
            container=name,
            log_group=self.log_group,
            network=network,
            access=self.task_access,
            needs=[
                *resources,
                self.task_role.policy,
                self.execution_role.policy,
                *self.generated_secrets.values(),
                *self.task_access.rules,
            ],
        )
        self._start(name, run, task, tables=resources, alarms=alarms, tags=tags)
        with_alarms = self.running or self.scheduled
        self.alarms = dict(with_alarms.alarms) if with_alarms else {}
        for each, (table, access) in used.items() if alarms else ():
            assert alarms is not None
            made = create_table_alarms(
                f"{name}-{each}", alarms, of=name, table=table, access=access, tags=tags, parent=self
            )
            self.alarms |= {f"{each}-{kind}": alarm for kind, alarm in made.items()}
        self.dashboard = self._create_dashboard(name, used) if dashboard else None
        self.register_outputs(
            {
                "tables": {each: table.table_name for each, (table, _) in used.items()},
                "log_group": self.log_group.name,
                **({"dockerfile": dockerfile} if dockerfile else {}),
            }
        )

    def _image(
        self,
        name: str,
        image: ExistingImage | None,
        dockerfile: str | None,
        architecture: Architecture,
        endpoints_only: bool,
        tags: Mapping[str, str],
    ) -> Image:
        environment = self._environment
        if image is not None:
            return use_image(name, image, account=environment.account, endpoints_only=endpoints_only)
        assert dockerfile is not None  # checked
        return create_image(
            name,
            dockerfile=dockerfile,
            architecture=architecture,
            keep_images=environment.protect,
            kms_key_arn=environment.kms_key_arn,
            tags=tags,
            parent=self,
        )

    def _start(
        self,
        name: str,
        run: Service | Worker | Once | Scheduled,
        task: RunnableTask,
        *,
        tables: Sequence[aws.keyspaces.Table],
        alarms: Alarms | None,
        tags: Mapping[str, str],
    ) -> None:
        environment = self._environment
        account = environment.account
        self.ran, self.running, self.scheduled = None, None, None
        if isinstance(run, Service):
            self.running = create_service(
                name,
                run,
                task=task,
                load_balancer=environment.load_balancer,
                alarms=alarms,
                account=account,
                protect=environment.protect,
                path=environment.role_path,
                boundary_arn=environment.permissions_boundary_arn,
                tags=tags,
                parent=self,
            )
        elif isinstance(run, Worker):
            self.running = create_worker(
                name,
                run,
                task=task,
                alarms=alarms,
                account=account,
                protect=environment.protect,
                tags=tags,
                parent=self,
            )
        elif isinstance(run, Scheduled):
            self.scheduled = create_scheduled(
                name,
                run,
                task=task,
                task_role=self.task_role,
                execution_role=self.execution_role,
                alarms=alarms,
                path=environment.role_path,
                boundary_arn=environment.permissions_boundary_arn,
                account=account,
                tags=tags,
                parent=self,
            )
        else:
            self.ran = create_run(name, run, task=task, tables=tables, account=account, tags=tags, parent=self)

    def _table(self, name: str, use: TableUse, tags: Mapping[str, str]) -> KeyspacesTable:
        if isinstance(use.table, KeyspacesTable):
            return use.table
        if isinstance(use.table, aws.keyspaces.Table):
            return KeyspacesTable(name=use.name, table=use.table)
        return create_table(
            f"{name}-{use.table.name}",
            use.table,
            keyspace=self._environment.keyspace,
            account=self._environment.account,
            protect=self._environment.protect,
            tags=tags,
            parent=self,
        )

    def _create_dashboard(
        self, name: str, tables: Mapping[str, tuple[aws.keyspaces.Table, Access]]
    ) -> aws.cloudwatch.Dashboard:
        environment = self._environment
        return create_dashboard(
            name,
            region=environment.account.region,
            log_group=self.log_group,
            tables=tables,
            service=ServiceView(
                load_balancer_arn_suffix=environment.load_balancer.arn_suffix,
                target_groups=self.running.target.target_groups if self.running.target else (),
                cluster_name=environment.cluster.name,
                service_name=self.running.service.name,
                container_insights=environment.cluster.container_insights,
            )
            if self.running
            else None,
            alarms=list(self.alarms.values()),
            parent=self,
        )

    @property
    def service(self) -> aws.ecs.Service:
        """The ECS service of a `Service` or `Worker`."""
        return self._running.service

    @property
    def deployed(self) -> Deployment:
        """The deployment of a `Service` or `Worker`, which exists once ECS has completed it; for
        `Service(after=[...])`."""
        return self._running.deployment

    @property
    def url(self) -> pulumi.Output[str]:
        """The address of a `Service`, known once its tasks can be reached."""
        if self._running.target is None:
            raise AttributeError(f"{self._name} is a worker; it has no url")
        url = self._environment.load_balancer.url
        return pulumi.Output.all(url, self.deployed.deployment_id).apply(lambda outputs: str(outputs[0]))

    @property
    def completed(self) -> TaskRun:
        """The run of a `Once`, which exists once it has succeeded; for `Service(after=[...])`."""
        if self.ran is None:
            raise AttributeError(f"{self._name} does not complete; only a microservice with run=Once(...) does")
        return self.ran.run

    @property
    def _running(self) -> RunningService:
        if self.running is None:
            raise AttributeError(f"{self._name} is not a service or worker; it has no service, deployment or url")
        return self.running
