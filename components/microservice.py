"""A microservice on Amazon Keyspaces and ECS Fargate."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.environment import Environment
from components.image import create_image
from components.names import check_name
from components.once import Once, create_run
from components.permissions import Access, create_execution_role, create_task_role
from components.service import Service, create_service
from components.table import Table, create_table
from components.task_access import create_task_access
from components.task_definition import check_size, create_task_definition
from components.task_run import TaskRun


class KeyspacesMicroservice(pulumi.ComponentResource):
    """A program in a container that reads or writes one Keyspaces table, as a service or once.

    Creates, for itself alone: the table (unless it is given another's), a task role that can reach that table and
    nothing else, an execution role, an ECR repository and the image in it, a log group, a security group, a task
    definition, and a service behind the environment's load balancer or one run of the task.

    The container is told what it needs by its environment: AWS_REGION, KEYSPACES_ENDPOINT (`host:port`),
    KEYSPACES_KEYSPACE, KEYSPACES_TABLE and, in a service, PORT. Its credentials come from the task role as for every
    AWS SDK on ECS.

        loader = KeyspacesMicroservice("load-things", environment=env, table=THINGS, access="write",
                                       dockerfile="app/load.Dockerfile", command=["python", "-m", "load"], run=Once())
        api = KeyspacesMicroservice("things-api", environment=env, table=loader.table, access="read",
                                    dockerfile="app/api.Dockerfile", command=["python", "-m", "api"],
                                    run=Service(after=[loader.completed]))

    name: see `check_name`; begins every child's name.
    table: a `Table` to create, which deleting the microservice drops; or the `table` of another microservice.
    access: "read" (Select) or "write" (Select and Modify).
    dockerfile: from the folder of Pulumi.yaml; its folder is the build context.
    command: the whole command. variables: more environment variables; not for secrets, they are shown in the console.
    run: `Service` or `Once`.
    cpu: CPU units, 1024 to a vCPU. memory: MiB. Together one of the sizes Fargate offers.

    Raises ValueError for an argument AWS would refuse.
    """

    table: aws.keyspaces.Table
    task_definition: aws.ecs.TaskDefinition
    log_group: aws.cloudwatch.LogGroup

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        table: Table | aws.keyspaces.Table,
        access: Access,
        dockerfile: str,
        command: Sequence[str],
        run: Service | Once,
        variables: Mapping[str, pulumi.Input[str]] | None = None,
        cpu: int = 256,
        memory: int = 512,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        check_name("KeyspacesMicroservice", name)
        check_size(name, cpu=cpu, memory=memory)
        super().__init__("keyspaces-platform:index:KeyspacesMicroservice", name, {}, opts)
        account, network = environment.account, environment.network
        tags = {**environment.tags, "Microservice": name}

        self.table = (
            create_table(
                name, table, keyspace=environment.keyspace, protect=environment.protect, tags=tags, parent=self
            )
            if isinstance(table, Table)
            else table
        )
        image = create_image(name, dockerfile=dockerfile, keep_images=environment.protect, tags=tags, parent=self)
        self.log_group = aws.cloudwatch.LogGroup(
            name,
            retention_in_days=environment.log_retention_days,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        task_role = create_task_role(
            f"{name}-task", access=access, table=self.table, account=account, tags=tags, parent=self
        )
        execution_role = create_execution_role(
            f"{name}-execution",
            repository=image.repository,
            log_group=self.log_group,
            account=account,
            tags=tags,
            parent=self,
        )
        task_access = create_task_access(name, network=network, tags=tags, parent=self)
        self.task_definition = create_task_definition(
            name,
            image=image.digest,
            command=command,
            environment={
                "AWS_REGION": account.region,
                "KEYSPACES_ENDPOINT": pulumi.Output.concat("cassandra.", account.region, ".amazonaws.com:9142"),
                "KEYSPACES_KEYSPACE": self.table.keyspace_name,
                "KEYSPACES_TABLE": self.table.table_name,
                **({"PORT": str(run.port)} if isinstance(run, Service) else {}),
                **(variables or {}),
            },
            port=run.port if isinstance(run, Service) else None,
            cpu=cpu,
            memory=memory,
            task_role=task_role,
            execution_role=execution_role,
            log_group=self.log_group,
            account=account,
            tags=tags,
            parent=self,
        )
        # Before a task starts, and until the last one is gone, it needs these.
        needed_by_tasks = [self.table, task_role.policy, execution_role.policy, *task_access.rules]
        self._environment = environment
        self._run: TaskRun | None = None
        self._service: aws.ecs.Service | None = None
        if isinstance(run, Service):
            self._service = create_service(
                name,
                run,
                cluster=environment.cluster,
                task_definition=self.task_definition,
                container=name,
                network=network,
                task_access=task_access,
                load_balancer=environment.load_balancer,
                depends_on=needed_by_tasks,
                tags=tags,
                parent=self,
            )
        else:
            self._run = create_run(
                name,
                run,
                cluster=environment.cluster,
                task_definition=self.task_definition,
                container=name,
                table=self.table,
                log_group=self.log_group,
                network=network,
                task_access=task_access,
                account=account,
                depends_on=needed_by_tasks,
                tags=tags,
                parent=self,
            )
        self.register_outputs({"table": self.table.table_name, "log_group": self.log_group.name})

    @property
    def service(self) -> aws.ecs.Service:
        """The ECS service of a `Service`."""
        if self._service is None:
            raise AttributeError(f"{self._name} runs once; it has no service and no url")
        return self._service

    @property
    def url(self) -> pulumi.Output[str]:
        """Where a `Service` is reached, once its tasks can be."""
        return pulumi.Output.all(self._environment.load_balancer.url, self.service.id).apply(lambda outputs: outputs[0])

    @property
    def completed(self) -> TaskRun:
        """The run of a `Once`, there when it has succeeded: for `Service(after=[...])`."""
        if self._run is None:
            raise AttributeError(f"{self._name} is a service; it does not complete")
        return self._run
