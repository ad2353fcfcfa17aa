"""Every operation of the description shows an example: made from the schema where nobody wrote one."""

from typing import Any

BY_FORMAT = {
    "uuid": "0192f0c1-7a3e-7c55-9d6e-2f6f3a1b2c3d",
    "date-time": "2026-11-21T09:30:00Z",
    "date": "2026-11-21",
    "uri": "https://example.com/",
    "email": "ann@example.com",
    "decimal": "12.50",
    "binary": "(a file)",
}
BY_NAME = {
    "name": "Autumn launch",
    "title": "The Morning Show",
    "url": "https://hooks.example.com/tracker",
    "currency": "USD",
    "scopes": ["deals:read", "io:write"],
    "event_types": ["deal.stage_changed"],
    "stage": "qualified",
    "promo_code": "MORNING10",
    "allowed_networks": ["192.0.2.0/24"],
    "next": "https://acme.example/api/v1/deals?cursor=cD0x",
    "previous": None,
    "key": "pst_1a2b3c4d_...",
    "secret": "whsec_...",
}
DEEPEST = 6


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular."""
    schemas = result.get("components", {}).get("schemas", {})
    for path in result["paths"].values():
        for operation in path.values():
            bodies = [operation.get("requestBody", {})]
            bodies += [body for status, body in operation["responses"].items() if status.startswith("2")]
            for body in bodies:
                for media in body.get("content", {}).values():
                    if "schema" in media and not {"example", "examples"} & set(media):
                        media["example"] = example_of(media["schema"], schemas)
    return result


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, name: str = "", depth: int = 0) -> Any:
    """Return a value that fits a schema: the one somebody wrote, else a plain one by name, format and type."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for several in ("allOf", "oneOf", "anyOf"):
        if schema.get(several):
            return example_of(schema[several][0], schemas, name=name, depth=depth)
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = next((one for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null"), "null")
    return _plain(kind, schema, schemas, name, depth)


def _plain(kind: str, schema: dict[str, Any], schemas: dict[str, Any], name: str, depth: int) -> Any:
    if depth > DEEPEST:
        return None
    if kind == "object":
        members = schema.get("properties", {})
        return {one: example_of(inner, schemas, name=one, depth=depth + 1) for one, inner in members.items()}
    if name in BY_NAME:
        return BY_NAME[name]
    if kind == "array":
        return [example_of(schema.get("items", {}), schemas, name=name, depth=depth + 1)]
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    return {"number": 0.5, "boolean": True, "null": None}.get(kind, BY_FORMAT.get(schema.get("format", ""), "text"))
