"""The dictionary in the forms that others read: Table Schema and JSON Schema."""

from generator.export.fields import ORIGINS, Field, Table

JSON_TYPES = {"date": "string"}  # all others have the same name
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def table_schema(table: Table, *, guarded: bool = False) -> dict[str, object]:
    """Table Schema (Data Package v2). guarded: of the CSV file, whose texts may be guarded."""
    return {
        "fields": [_table_field(field, guarded) for field in table.fields],
        "primaryKey": [name for name in table.key if not _of(table, name).nullable],
        "missingValues": [""],
    }


def _table_field(field: Field, guarded: bool) -> dict[str, object]:
    found: dict[str, object] = {"name": field.name, "type": field.type}
    found["description"] = field.description
    if field.unit is not None:
        found["unit"] = field.unit
    if field.better is not None:
        found["better"] = field.better
    found["origin"] = ORIGINS[field.origin]
    if guarded and field.guarded:
        found["guarded"] = True
    if not field.nullable:
        found["constraints"] = {"required": True}
    return found


def _of(table: Table, name: str) -> Field:
    return next(field for field in table.fields if field.name == name)


def row_schema(table: Table, *, open_ended: bool = False) -> dict[str, object]:
    """JSON Schema of one row, as it stands in the table's JSON file. open_ended: members may be
    added, as in the API."""
    return {
        "type": "object",
        "description": table.title,
        "properties": {field.name: _property(field) for field in table.fields},
        "required": [field.name for field in table.fields],
        "additionalProperties": open_ended,
    }


def _property(field: Field) -> dict[str, object]:
    plain = JSON_TYPES.get(field.type, field.type)
    found: dict[str, object] = {"type": [plain, "null"] if field.nullable else plain}
    if field.type == "string":
        found["minLength"] = 1
    if field.type == "date":
        found["format"] = "date"
    unit = f" ({field.unit})" if field.unit else ""
    found["description"] = field.description + unit
    return found


def json_schema(table: Table) -> dict[str, object]:
    """JSON Schema of the table's JSON file."""
    return {
        "$schema": DRAFT,
        "title": f"{table.name}.json",
        "type": "object",
        "properties": {"data": {"type": "array", "items": row_schema(table)}},
        "required": ["name", "title", "licenses", "schema", "data"],
    }
