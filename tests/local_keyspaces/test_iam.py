"""What an identity-based policy allows at the local endpoint, and which documents are refused."""

import json
import logging
import time
from typing import Any

import pytest

from declared.program import Program
from local_keyspaces.iam import ADMINISTRATOR, MalformedPolicy, Policy, Principal
from tests.evaluation import policy

KEYSPACE = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/ks/"
TABLE = f"{KEYSPACE}table/t"
USER = "arn:aws:iam::000000000000:user/someone"
VARIABLE = f"{KEYSPACE}table/${{aws:username}}"


def statement(effect: str = "Allow", action: Any = "cassandra:Select", resource: Any = "*", **more: Any) -> Any:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def without(element: str, **more: Any) -> Any:
    return {key: value for key, value in statement().items() if key != element} | more


def principal(*statements: Any, version: str | None = "2012-10-17") -> Principal:
    document = {"Statement": list(statements)} | ({"Version": version} if version else {})
    return Principal(arn=USER, policies=(Policy.parse(document, "p"),))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


def test_denies_actions_that_no_statement_allows() -> None:
    """A role could do what its policies never mention."""
    reader = principal(statement(resource=TABLE))
    assert reader.may("cassandra:Select", TABLE)
    assert not reader.may("cassandra:Modify", TABLE)
    assert not reader.may("cassandra:Select", f"{KEYSPACE}table/other")
    assert not Principal(arn=USER, policies=()).may("cassandra:Select", TABLE)


@pytest.mark.parametrize("deny_first", [True, False])
def test_an_explicit_deny_wins_over_any_allow(deny_first: bool) -> None:
    """A policy's Deny would not override another policy's Allow."""
    both = [statement("Deny", "cassandra:Modify", TABLE), statement(action="cassandra:*")]
    documents = [Policy.parse({"Statement": each}) for each in (both if deny_first else both[::-1])]
    writer = Principal(arn=USER, policies=tuple(documents))
    assert not writer.may("cassandra:Modify", TABLE)
    assert writer.may("cassandra:Modify", f"{KEYSPACE}table/other")
    assert writer.may("cassandra:Select", TABLE)


def test_one_policy_may_allow_what_another_does_not() -> None:
    """Only the first policy of a role would count."""
    both = Principal(
        arn=USER,
        policies=(
            Policy.parse({"Statement": statement(action="s3:*")}),
            Policy.parse({"Statement": statement()}),
        ),
    )
    assert both.may("cassandra:Select", TABLE)


def test_reads_lists_single_values_text_and_every_optional_element() -> None:
    """A policy that AWS accepts would be refused for its form."""
    listed = statement(action=["s3:GetObject", "cassandra:Select"], resource=["arn:other", TABLE], Sid="Read1")
    for document in ({"Version": "2012-10-17", "Id": "any", "Statement": [listed]}, {"Statement": listed}):
        for given in (document, json.dumps(document)):
            reader = Principal(arn=USER, policies=(Policy.parse(given),))
            assert reader.may("cassandra:Select", TABLE)
            assert not reader.may("cassandra:Select", f"{TABLE}2")
    # AWS's own editors leave empty Sids.
    principal(statement(Sid=""), statement(Sid=""), version="2008-10-17")


def test_not_action_and_not_resource_are_all_but_those_named() -> None:
    """`Deny everything except this` would deny this, and only this."""
    others = principal(
        {"Effect": "Allow", "NotAction": ["cassandra:Modify", "cassandra:D*"], "NotResource": [f"{TABLE}*", "x"]}
    )
    other = f"{KEYSPACE}table/u"
    assert others.may("cassandra:Select", other)
    assert not others.may("cassandra:modify", other)
    assert not others.may("cassandra:Drop", other)
    assert not others.may("cassandra:Select", f"{TABLE}2")
    fenced = principal(statement(), {"Effect": "Deny", "Action": "*", "NotResource": TABLE})
    assert fenced.may("cassandra:Select", TABLE)
    assert not fenced.may("cassandra:Select", other)


def test_compares_actions_in_any_case_and_resources_exactly() -> None:
    """`cassandra:select` in a policy would grant nothing, or a grant for "ks" would reach the keyspace "KS" too."""
    reader = principal(statement(action="Cassandra:sELECT", resource=TABLE))
    assert reader.may("cassandra:Select", TABLE)
    assert reader.may("CASSANDRA:SELECT", TABLE)
    assert not reader.may("cassandra:Select", TABLE.replace("/ks/", "/KS/"))
    assert not reader.may("ca\N{LATIN SMALL LETTER LONG S}sandra:Select", TABLE)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["", "a", "a:b/c", "a\nb"], []),
        ("a*", ["a", "a:b/c", "a\n"], ["", "ba", "A"]),
        ("*a", ["a", "ba", "aa"], ["", "ab", "a\n"]),
        ("a***c", ["ac", "abc", "a/b:c"], ["a", "c"]),
        ("a?c", ["abc", "a:c", "a/c", "a\nc"], ["ac", "abbc"]),
        ("a*?*c", ["abc", "abbc"], ["ac"]),
        ("*ab*ab*", ["abab", "xabyabz"], ["ab", "aba"]),
        ("*ab", ["ab", "abab", "aab"], ["aba"]),
        ("a*ba", ["aba", "ababa"], ["ba", "ab"]),
        ("a.c|[x]^$+(d)\\", ["a.c|[x]^$+(d)\\"], ["abc", "a.c", "x"]),
        ("a$b{c}", ["a$b{c}"], ["a"]),
    ],
)
def test_matches_wildcards_over_the_whole_resource(pattern: str, matching: list[str], other: list[str]) -> None:
    """A pattern would also grant resources beside those it names, or only some of them."""
    for version in ("2012-10-17", "2008-10-17"):
        reader = principal(statement(resource=pattern), version=version)
        assert [text for text in matching + other if reader.may("cassandra:Select", text)] == matching


@pytest.mark.parametrize(
    ("action", "other"),
    [
        ("*", None),
        ("*:*", None),
        ("cassandra:*", "s3:Select"),
        ("cassandra:S*t", "cassandra:Set2"),
        ("cassandra:?elect", "cassandra:elect"),
        ("c*ra:Select", "c:Select"),
    ],
)
def test_matches_wildcards_in_actions(action: str, other: str | None) -> None:
    """The usual way to grant all reads, or everything, would grant nothing, or too much."""
    reader = principal(statement(action=action))
    assert reader.may("cassandra:Select", TABLE)
    assert other is None or not reader.may(other, TABLE)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 200 + "*b", "a" * 20_000),
        ("*" * 5_000 + "b", "a" * 20_000),
        ("*?" * 200 + "*b", "a" * 20_000),
        ("*" + "a" * 200 + "b*", "a" * 20_000),
        ("*" + "a" * 200 + "b", "a" * 20_000),
        ("${" * 5_000, "a" * 20_000),
        ("${'" * 5_001, "a" * 20_000),
    ],
)
def test_needs_no_exponential_time(pattern: str, text: str) -> None:
    """One policy, or one statement with a long name, would stop the endpoint for everyone."""
    started = time.perf_counter()
    assert not principal(statement(resource=pattern)).may("cassandra:Select", text)
    assert time.perf_counter() - started < 1


def test_decides_once_for_the_same_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every CQL statement would pay for the evaluation of all policies, or get another statement's decision."""
    asked: list[tuple[str, str]] = []
    evaluate = Principal._evaluate

    def counting(self: Principal, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return evaluate(self, action, resource)

    monkeypatch.setattr(Principal, "_evaluate", counting)
    reader, writer = principal(statement()), principal(statement(action="cassandra:Modify"))
    for _ in range(3):
        assert reader.may("cassandra:Select", TABLE)
        assert not writer.may("cassandra:Select", TABLE)
    assert asked == [("cassandra:Select", TABLE)] * 2
    for number in range(5_000):
        reader.may("cassandra:Select", f"{TABLE}{number}")
    assert reader.may("cassandra:Select", TABLE)
    assert asked.count(("cassandra:Select", TABLE)) == 3, "the cache grows without bound"


@pytest.mark.parametrize(
    "unknown", [{"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, {"Condition": {}}, {"Resource": VARIABLE}]
)
def test_an_allow_that_cannot_be_evaluated_allows_nothing(
    unknown: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A task would get through here and not on AWS, or nobody could tell why it is refused."""
    reader = principal(statement(resource=TABLE) | {"Sid": "Mine"} | unknown)
    assert not reader.may("cassandra:Modify", TABLE)
    assert not warnings(caplog)
    for name in ("t", "t", "someone"):
        assert not reader.may("cassandra:Select", f"{KEYSPACE}table/{name}")
    (line,) = warnings(caplog)
    assert line.startswith("policy 'p', statement 1 (Mine): ")
    assert ("its Condition" if "Condition" in unknown else "a policy variable") in line
    assert "this Allow allows nothing" in line


def test_claims_nothing_where_another_statement_decides(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings without effect would hide the warning that matters."""
    condition: dict[str, Any] = {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    assert principal(statement(), statement(**condition)).may("cassandra:Select", TABLE)
    assert not principal(statement("Deny"), statement(**condition)).may("cassandra:Select", TABLE)
    assert not principal(statement("Deny", **condition)).may("cassandra:Select", TABLE)
    assert not principal(statement(), statement("Deny"), statement("Deny", **condition)).may("cassandra:Select", TABLE)
    assert not warnings(caplog)


@pytest.mark.parametrize("unknown", [{"Condition": {"Bool": {"a": "true"}}}, {"Resource": VARIABLE}])
def test_a_deny_that_cannot_be_evaluated_always_denies(
    unknown: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What AWS may deny would be allowed here."""
    writer = principal(statement(action="cassandra:*"), statement("Deny", resource=f"{KEYSPACE}table/*") | unknown)
    assert writer.may("cassandra:Modify", TABLE)
    assert writer.may("cassandra:Select", KEYSPACE)
    assert not warnings(caplog)
    assert not writer.may("cassandra:Select", TABLE)
    assert not writer.may("cassandra:Select", f"{TABLE}2")
    (line,) = warnings(caplog)
    assert line.startswith("policy 'p', statement 2: ")
    assert "this Deny denies all that it could match" in line


def test_names_every_statement_that_stands_in_the_way(caplog: pytest.LogCaptureFixture) -> None:
    """A user would learn of the next mistake only after correcting the one that the error names."""
    stuck = principal(statement(resource=VARIABLE), statement("Deny", Condition={}))
    assert not stuck.may("cassandra:Select", TABLE)
    assert [line.partition(":")[0] for line in warnings(caplog)] == [
        "policy 'p', statement 2",
        "policy 'p', statement 1",
    ]


@pytest.mark.parametrize(
    "variable", ["${aws:username}", "${aws:PrincipalTag/team, 'a}b'}", "${a${b}}", "${it's}", "${", "${}", "${**}"]
)
def test_a_variable_may_stand_for_anything(variable: str) -> None:
    """A variable in an unusual spelling would evade a Deny."""
    writer = principal(statement(), statement("Deny", resource=f"{KEYSPACE}table/{variable}"))
    assert not writer.may("cassandra:Select", TABLE)
    assert writer.may("cassandra:Select", KEYSPACE)
    assert not principal(statement(resource=[TABLE, f"x{variable}"])).may("cassandra:Select", TABLE)


def test_a_variable_among_exceptions_excepts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """`Deny all but the user's own` would deny nothing here, since the variable would match anything."""
    deny = {"Effect": "Deny", "Action": "*", "NotResource": [VARIABLE, f"{KEYSPACE}table/u"]}
    writer = principal(statement(), deny)
    assert not writer.may("cassandra:Select", TABLE)
    assert writer.may("cassandra:Select", f"{KEYSPACE}table/u")
    assert not principal(statement(), {**deny, "NotResource": VARIABLE}).may("cassandra:Select", TABLE)
    assert not principal({**deny, "Effect": "Allow"}).may("cassandra:Select", TABLE)
    assert len(warnings(caplog)) == 3


@pytest.mark.parametrize("character", "*?$")
def test_an_escaped_character_is_that_character(character: str, caplog: pytest.LogCaptureFixture) -> None:
    """A literal `*` would become a wildcard, or the statement would be dropped as one with a variable."""
    reader = principal(statement(resource=f"{KEYSPACE}${{{character}}}/*"))
    assert reader.may("cassandra:Select", f"{KEYSPACE}{character}/x")
    assert not reader.may("cassandra:Select", f"{KEYSPACE}x/x")
    assert not warnings(caplog)


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_an_older_version_has_no_variables(version: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """`${…}` would have another meaning here than on AWS."""
    reader = principal(statement(resource=["${aws:username}", "${*}"]), version=version)
    assert reader.may("cassandra:Select", "${aws:username}")
    assert reader.may("cassandra:Select", "${anything}")
    assert not reader.may("cassandra:Select", "someone")
    assert not warnings(caplog)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (statement(), True),
        (statement(action="CASSANDRA:select", resource="arn:x"), True),
        (statement(action=["s3:Get*", "c?ss*:D*"]), True),
        (statement(action="*"), True),
        (statement(action=["s3:*", "cassandra2:*", "xcassandra:*"]), False),
        (statement("Deny"), False),
        (without("Action", NotAction="s3:*"), True),
        (without("Action", NotAction=["cassandra:Select", "cassandra:M*"]), True),
        (without("Action", NotAction="cassandra:*"), False),
        (without("Action", NotAction=["s3:*", "Cass*:**"]), False),
        (without("Action", NotAction="*"), False),
    ],
)
def test_reports_missing_permissions_for_the_service(given: Any, expected: bool) -> None:
    """A principal that Keyspaces refuses at sign-in would be accepted here, or the reverse."""
    assert principal(given).has_any("cassandra") is expected
    assert not Principal(arn=USER, policies=()).has_any("cassandra")


def test_an_allow_that_cannot_be_evaluated_is_no_permission_for_the_service(caplog: pytest.LogCaptureFixture) -> None:
    """The sign-in would succeed and every statement fail, or nobody could tell why the sign-in fails."""
    conditional = statement(Condition={"Bool": {"a": "true"}})
    assert principal(conditional, statement()).has_any("cassandra")
    assert not principal(conditional).has_any("s3")
    assert not warnings(caplog)
    reader = principal(conditional)
    assert not reader.has_any("cassandra")
    assert not reader.has_any("cassandra")
    assert not reader.may("cassandra:Select", TABLE)
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "policy 'p' is not valid JSON"),
        ("[" * 100_000, "policy 'p' is not valid JSON"),
        ('{"Statement": {}, "Statement": {}}', "the same key twice"),
        ("[]", "policy 'p' is not a JSON object"),
        ({}, "policy 'p' has no statement"),
        ({"Statement": []}, "policy 'p' has no statement"),
        ({"Statement": "x"}, "policy 'p' has no statement"),
        ({"Statement": statement(), "Comment": ""}, "unknown element 'Comment'"),
        ({"Statement": statement(), "Version": "2012-10-18"}, "the Version '2012-10-18'"),
        ({"Statement": statement(), "Version": ["2012-10-17"]}, "the Version ['2012-10-17']"),
        ({"Statement": statement(), "Id": 1}, "an Id that is not a string"),
        ({"Statement": [statement(), "x"]}, "statement 2 is not an object"),
        ({"Statement": statement(Comment="")}, "statement 1 has the unknown element 'Comment'"),
        ({"Statement": statement(Sid="Mine", Comment="")}, "statement 1 (Mine) has the unknown element 'Comment'"),
        ({"Statement": statement(Principal="*")}, "statement 1 has a Principal"),
        ({"Statement": statement(NotPrincipal={"AWS": "*"})}, "statement 1 has a NotPrincipal"),
        ({"Statement": [statement(Sid="A"), statement(Sid="A")]}, "statement 2 repeats the Sid 'A' of an earlier"),
        ({"Statement": statement(Sid="a b")}, "statement 1 has the Sid 'a b'"),
        ({"Statement": statement(Sid=1)}, "statement 1 has the Sid 1"),
        ({"Statement": without("Effect")}, "statement 1 has the Effect None"),
        ({"Statement": statement("allow")}, "statement 1 has the Effect 'allow'"),
        ({"Statement": without("Action")}, "statement 1 has neither of Action and NotAction"),
        ({"Statement": statement(NotAction="s3:*")}, "statement 1 has both of Action and NotAction"),
        ({"Statement": without("Resource")}, "statement 1 has neither of Resource and NotResource"),
        ({"Statement": statement(NotResource="*")}, "statement 1 has both of Resource and NotResource"),
        ({"Statement": statement(action=[])}, "statement 1 has an invalid Action"),
        ({"Statement": statement(action=["cassandra:Select", 1])}, "statement 1 has an invalid Action"),
        ({"Statement": statement(resource=[])}, "statement 1 has an invalid Resource"),
        ({"Statement": statement(resource=None)}, "statement 1 has an invalid Resource"),
        ({"Statement": statement(resource="")}, "statement 1 has an invalid Resource"),
        ({"Statement": without("Resource", NotResource={})}, "statement 1 has an invalid NotResource"),
        ({"Statement": statement(action="Select")}, "statement 1 has the action 'Select'"),
        ({"Statement": statement(action="c*")}, "statement 1 has the action 'c*'"),
        ({"Statement": statement(action="cassandra:")}, "statement 1 has the action 'cassandra:'"),
        ({"Statement": statement(action=":Select")}, "statement 1 has the action ':Select'"),
        ({"Statement": statement(action="cassandra: Select")}, "statement 1 has the action 'cassandra: Select'"),
        ({"Statement": without("Action", NotAction="Select")}, "statement 1 has the action 'Select'"),
    ],
)
def test_refuses_a_malformed_policy(document: Any, said: str) -> None:
    """A mistake in a policy would pass here, and AWS would refuse it."""
    with pytest.raises(MalformedPolicy) as refusal:
        Policy.parse(document, "p")
    message = str(refusal.value)
    assert said in message
    assert message.startswith("policy 'p'")
    assert ": " in message, "what to do"
    assert message.endswith(".")


def test_the_administrator_may_do_everything() -> None:
    """The user's own tools could not read the local tables."""
    administrator = Principal(arn=USER, policies=(ADMINISTRATOR,))
    assert administrator.has_any("cassandra")
    assert administrator.may("cassandra:Drop", KEYSPACE)


@pytest.mark.parametrize(("role", "writes"), [("query-api-task", False), ("load-countries-task", True)])
def test_this_projects_roles_allow_what_its_tasks_do(
    program: Program, role: str, writes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A statement that succeeds on AWS would be refused here, or the reverse."""
    task = Principal(arn=USER, policies=(Policy.parse(policy(program, role), role),))
    keyspaces = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/"
    countries = f"{keyspaces}geography_domain/table/countries"
    assert task.has_any("cassandra")
    assert not task.has_any("s3")
    assert task.may("cassandra:Select", countries)
    assert task.may("cassandra:Modify", countries) is writes
    assert task.may("cassandra:Select", f"{keyspaces}system_schema/table/tables")
    assert task.may("cassandra:Select", f"{keyspaces}system/table/local")
    assert not task.may("cassandra:Modify", f"{keyspaces}system/table/local")
    assert not task.may("cassandra:Select", f"{keyspaces}geography_domain/table/other")
    assert not task.may("cassandra:Drop", countries)
    assert not warnings(caplog)
