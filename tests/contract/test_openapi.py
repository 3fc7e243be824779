"""openapi.yaml against the documentation: every endpoint and no other, and what the examples show is what it allows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi import Operation, document, operations, resolved

Row = dict[str, Any]

DOCUMENT = document()
OPERATIONS = operations()
TYPES: dict[str, tuple[str, ...]] = {
    "array of integers": ("array",),
    "string (URL)": ("string",),
    "string (email)": ("string",),
    "string or integer": ("string", "integer"),
    "file": ("string",),
    "any": ("array", "boolean", "integer", "object", "string"),
}
"""The words of the documentation that are none of JSON Schema's."""

CUT = {
    "users.profile_update",
    "users.register",
    "skus.create_multiple",
    "skus.create_bulk",
    "officeworks.category_products",
}
"""Calls whose table of parameters is not visible to its end."""

SAMPLES: dict[str, Any] = {"array": [], "boolean": True, "integer": 7, "object": {}, "string": "text"}

WITH_BODY = [operation for operation in OPERATIONS if operation.body]
WITH_REQUEST = [operation for operation in WITH_BODY if "example" in (operation.body or {})]
WITH_ENVELOPE = [operation for operation in OPERATIONS if operation.answer]
WITH_ANSWER = [operation for operation in WITH_ENVELOPE if "example" in (operation.answer or {})]
FILES = {"results.download": "application/octet-stream", "payments.invoice_pdf": "application/pdf"}


def each(some: Sequence[Operation]) -> Any:
    """A test for each of them."""
    return pytest.mark.parametrize("operation", some, ids=[operation.id for operation in some])


def validator(schema: Any) -> Draft202012Validator:
    """A schema of the document, its references resolved there."""
    return Draft202012Validator({"components": DOCUMENT["components"], "allOf": [schema]})


def requests_of(operation: Operation) -> Draft202012Validator:
    """What may be sent."""
    assert operation.body is not None
    return validator(operation.body["schema"])


def answers_of(operation: Operation) -> Draft202012Validator:
    """What may be answered under HTTP 200."""
    assert operation.answer is not None
    return validator(operation.answer["schema"])


def example_of(operation: Operation) -> Row:
    """The answer in the contract, for oneself."""
    assert operation.answer is not None
    example: Row = copy.deepcopy(operation.answer["example"])
    return example


def walk(value: Any) -> Iterator[Row]:
    """Every object of the document, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def test_the_contract_has_exactly_the_documented_endpoints(endpoints: dict[str, Row]) -> None:
    """openapi.yaml has the method and path of each documented endpoint, to the last slash, and no others."""
    assert {(row["method"], row["path"]) for row in endpoints.values()} == {(o.method, o.path) for o in OPERATIONS}


@each(OPERATIONS)
def test_an_operation_is_called_as_the_documentation_calls_it(operation: Operation, endpoints: dict[str, Row]) -> None:
    """So that a finding can be looked up."""
    row = endpoints[operation.id]
    assert (row["method"], row["path"]) == (operation.method, operation.path)


@each(OPERATIONS)
def test_a_public_call_wants_no_credential_and_every_other_does(
    operation: Operation, endpoints: dict[str, Row]
) -> None:
    """An empty list is OpenAPI's word for public; nothing is "key or token"."""
    expected = [] if endpoints[operation.id]["auth"] == "public" else None
    assert expected == operation.raw.get("security")


def test_schemas_are_schemas_and_references_lead_somewhere() -> None:
    """A misspelt keyword is ignored by JSON Schema, but a misspelt type or target is not."""
    for found in walk(DOCUMENT):
        if "$ref" in found:
            assert resolved(found)
        if "schema" in found:
            Draft202012Validator.check_schema(found["schema"])
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_contract_shows_what_the_documentation_shows(endpoints: dict[str, Row]) -> None:
    """Each documented request and each documented answer is there, for others to read."""
    assert {name for name, row in endpoints.items() if row["request"] is not None} == {o.id for o in WITH_REQUEST}
    assert {name for name, row in endpoints.items() if row["response"] is not None} == {o.id for o in WITH_ANSWER}


@each(OPERATIONS)
def test_documented_parameters_are_those_of_the_contract(operation: Operation, endpoints: dict[str, Row]) -> None:
    """All names, and which of them are required."""
    if operation.body is None:
        named = {parameter["name"]: parameter["required"] for parameter in operation.raw.get("parameters", ())}
    else:
        schema = resolved(operation.body["schema"])
        named = {name: name in schema.get("required", ()) for name in schema.get("properties", {})}
    documented = {param["name"]: bool(param["required"]) for param in endpoints[operation.id]["params"]}
    if operation.id == "skus.create_bulk":  # its two fields are inferred from the twin for ASINs
        documented = {"collection_id": False, "csv": False}
    assert documented == named


@each(WITH_BODY)
def test_a_parameter_has_its_documented_type(operation: Operation, endpoints: dict[str, Row]) -> None:
    """A value of each kind is taken where that kind is documented, and refused elsewhere."""
    assert operation.body is not None
    schema = resolved(operation.body["schema"])
    for param in endpoints[operation.id]["params"]:
        own = resolved(schema["properties"][param["name"]])
        allowed = TYPES.get(param["type"], (param["type"],))
        for kind, sample in SAMPLES.items():
            fits = kind in allowed and "enum" not in own
            assert fits == validator(own).is_valid(sample), (param["name"], kind)


@each(WITH_REQUEST)
def test_a_documented_request_is_allowed(operation: Operation, endpoints: dict[str, Row]) -> None:
    """And it is the example in the contract."""
    assert operation.body is not None
    assert endpoints[operation.id]["request"] == operation.body["example"]
    assert list(requests_of(operation).iter_errors(operation.body["example"])) == []


@each(WITH_BODY)
def test_a_misspelt_field_is_refused_where_all_names_are_known(operation: Operation, endpoints: dict[str, Row]) -> None:
    """The service would drop it without a word. Where the table of parameters is cut, other names are open."""
    row = endpoints[operation.id]
    request = {**(row["request"] or {"collection_id": 1, "csv": ""}), "mispelt": 1}
    if row["source"] in {"complete", "public-full"}:
        assert not requests_of(operation).is_valid(request)
    if operation.id in CUT:
        assert requests_of(operation).is_valid(request)


@each(WITH_ANSWER)
def test_a_documented_answer_is_allowed(operation: Operation, endpoints: dict[str, Row]) -> None:
    """And it is the example in the contract."""
    assert endpoints[operation.id]["response"] == example_of(operation)
    assert list(answers_of(operation).iter_errors(example_of(operation))) == []


@each(WITH_ANSWER)
def test_an_answer_may_have_fields_that_nobody_knows(operation: Operation) -> None:
    """In the envelope, in its rows and in what is joined into them: the service grows."""
    answer = example_of(operation)
    for found in list(walk(answer)):
        found["unheard_of"] = {"of": ["anything"]}
    assert list(answers_of(operation).iter_errors(answer)) == []


@each(WITH_ANSWER)
def test_an_answer_of_another_shape_is_not_allowed(operation: Operation) -> None:
    """A contract that says yes to everything would find nothing."""
    answer = example_of(operation)
    assert not answers_of(operation).is_valid({**answer, "data": 42})
    assert not answers_of(operation).is_valid({"code": 200, "data": answer["data"]})
    assert not answers_of(operation).is_valid(answer["data"])


@each([operation for operation in WITH_ANSWER if not isinstance(example_of(operation)["data"], str)])
def test_an_answer_with_other_names_is_not_allowed(operation: Operation) -> None:
    """Each field of each row renamed."""
    answer = example_of(operation)
    rows = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
    renamed = [{f"new_{name}": value for name, value in row.items()} for row in rows]
    answer["data"] = renamed if isinstance(answer["data"], list) else renamed[0]
    assert not answers_of(operation).is_valid(answer)


@each(WITH_ENVELOPE)
def test_a_refusal_is_allowed_everywhere(operation: Operation) -> None:
    """The two documented ones, under HTTP 200; one whose data is no sentence is not."""
    first, second = DOCUMENT["components"]["schemas"]["Failure"]["examples"]
    assert answers_of(operation).is_valid(first)
    assert answers_of(operation).is_valid(second)
    assert not answers_of(operation).is_valid({**first, "data": [first["data"]]})


def test_files_come_without_an_envelope() -> None:
    """Bytes of the documented type."""
    files = [operation for operation in OPERATIONS if operation.answer is None]
    assert set(FILES) == {operation.id for operation in files}
    for operation in files:
        content = operation.raw["responses"]["200"]["content"]
        assert content[FILES[operation.id]]["schema"] == {"type": "string", "format": "binary"}
