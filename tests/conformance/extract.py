#!/usr/bin/env python3
"""Write contracts/ from the published OpenAPI 2.0 documents.

    extract.py SPECS_DIR

SPECS_DIR holds `chat/<api-version>.json`, `identity/<api-version>.json` and `common/<version>.json`. Only
facts that a machine can check are kept: no description, title, summary or example. References into the
common documents are resolved, so that each contract stands alone.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVICES = ("chat", "identity")
# Of a schema or parameter, what is a fact about the wire.
KEPT = (
    "type",
    "format",
    "enum",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "default",
    "readOnly",
)
COMMON_REF = re.compile(r".*/([^/]+)/common\.json#/definitions/(\w+)$")


class Document:
    def __init__(self, specs: Path, path: Path):
        self.specs = specs
        self.content = json.loads(path.read_text())
        self.version = self.content["info"]["version"]
        self.definitions: dict[str, dict] = {}

    def contract(self, service: str) -> dict:
        operations = {}
        for path, methods in self.content["paths"].items():
            for method, operation in methods.items():
                operations[operation["operationId"]] = self.operation(method, path, operation)
        return {
            "service": service,
            "version": self.version,
            "operations": dict(sorted(operations.items())),
            "definitions": dict(sorted(self.definitions.items())),
        }

    def operation(self, method: str, path: str, source: dict) -> dict:
        operation: dict = {"method": method.upper(), "path": path}
        parameters = []
        for parameter in source.get("parameters", []):
            if "$ref" in parameter:
                parameter = self.content["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
            if parameter["in"] == "body":
                operation["consumes"] = source.get("consumes", [])
                operation["body"] = {
                    "required": parameter.get("required", False),
                    "schema": self.schema(parameter["schema"]),
                }
            else:
                parameters.append({"in": parameter["in"], "name": parameter["name"]} | self.schema(parameter))
        operation["parameters"] = parameters
        answers, errors = {}, {}
        for status, answer in source["responses"].items():
            entry: dict = {}
            if "schema" in answer:
                entry["schema"] = self.schema(answer["schema"])
            if "headers" in answer:
                entry["headers"] = {name: self.schema(header) for name, header in answer["headers"].items()}
            (answers if status.startswith("2") else errors)[status] = entry
        operation["answers"] = answers
        schemas = [answer["schema"] for answer in errors.values() if "schema" in answer]
        if any(schema != schemas[0] for schema in schemas):
            raise SystemExit(f"{self.version} {path}: errors of several shapes")
        operation["errors"] = {"statuses": sorted(errors)}
        if schemas:
            operation["errors"]["schema"] = schemas[0]
        if "x-ms-pageable" in source:
            operation["paged"] = True
        return operation

    def schema(self, source: dict, where: "dict | None" = None) -> dict:
        """One schema, with the definitions that it refers to taken in. `where`: the common document that it is of."""
        home = where or self.content
        if "$ref" in source:
            return {"$ref": "#/definitions/" + self.take(source["$ref"], home)}
        kept = {key: source[key] for key in KEPT if key in source and not (key == "required" and source[key] is False)}
        if "properties" in source:
            kept["properties"] = {
                name: self.schema(value, where) for name, value in sorted(source["properties"].items())
            }
        if isinstance(kept.get("required"), list):
            kept["required"] = sorted(kept["required"])
        if "items" in source:
            kept["items"] = self.schema(source["items"], where)
        if "additionalProperties" in source:
            kept["additionalProperties"] = self.schema(source["additionalProperties"], where)
        if source.get("x-nullable"):
            kept["nullable"] = True
        if "x-ms-enum" in source:
            kept["open"] = source["x-ms-enum"]["modelAsString"]
        return kept

    def take(self, reference: str, home: dict) -> str:
        """Takes in the definition that `reference` means; answers its name here."""
        common = COMMON_REF.match(reference)
        if common:
            home = json.loads((self.specs / "common" / f"{common[1]}.json").read_text())
        name = common[2] if common else reference.rsplit("/", 1)[1]
        source = home["definitions"][name]
        if set(source) - {"description"} == {"$ref"}:
            # A chat document's own name for a definition of the common one.
            return self.take(source["$ref"], home)
        if name not in self.definitions:
            self.definitions[name] = {}  # so that a definition may refer to itself
            where = None if home is self.content else home
            schema = self.kinds(source, home) if "discriminator" in source else self.schema(source, where)
            self.definitions[name] = schema
        return name

    def kinds(self, source: dict, home: dict) -> dict:
        """A definition with a discriminator, as the list of what it may be."""
        by = source["discriminator"]
        base = self.schema(source)
        kinds = []
        for child in home["definitions"].values():
            if "x-ms-discriminator-value" not in child:
                continue
            own = self.schema(child)
            properties = base["properties"] | own.get("properties", {})
            properties[by] = {"type": "string", "enum": [child["x-ms-discriminator-value"]]}
            kinds.append(
                {
                    "type": "object",
                    "properties": dict(sorted(properties.items())),
                    "required": sorted({*base.get("required", []), *own.get("required", [])}),
                }
            )
        return {"discriminator": by, "oneOf": kinds}


def overlay(contracts: dict[str, dict], path: Path) -> dict:
    """A contract that is another one (or its document's own) with some places removed or set."""
    recipe = tomllib.loads(path.read_text())
    contract = json.loads(json.dumps(contracts[recipe["base"]]))
    contract["version"] = recipe["version"]
    for place in recipe.get("remove", []):
        holder, last = within(contract, place)
        del holder[last]
    for place, value in recipe.get("set", {}).items():
        holder, last = within(contract, place)
        holder[last] = value
    prune(contract)
    return contract


def within(contract: dict, place: str) -> tuple[dict, str]:
    *parents, last = place.split(".")
    for parent in parents:
        contract = contract[parent]
    return contract, last


def prune(contract: dict) -> None:
    """Drops the definitions that nothing refers to any more."""
    while True:
        used = set(re.findall(r'"#/definitions/(\w+)"', json.dumps(contract)))
        unused = contract["definitions"].keys() - used
        if not unused:
            return
        for name in unused:
            del contract["definitions"][name]


def write(contract: dict) -> None:
    """One line for each operation and definition: short, and differences are easy to see."""
    parts = []
    for key, value in contract.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
            parts.append(f'"{key}": {{\n{lines}\n}}')
        else:
            parts.append(f'"{key}": {json.dumps(value)}')
    path = HERE / "contracts" / contract["service"] / f"{contract['version']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    specs = Path(sys.argv[1])
    for service in SERVICES:
        contracts = {}
        for path in sorted((specs / service).glob("*.json")):
            contract = Document(specs, path).contract(service)
            if contract["version"] != path.stem:
                raise SystemExit(f"{path} says that it is {contract['version']}")
            prune(contract)
            contracts[path.stem] = contract
        for path in sorted((HERE / "overlays").glob(f"{service}-*.toml")):
            derived = overlay(contracts, path)
            contracts[derived["version"]] = derived
        for contract in contracts.values():
            write(contract)
        print(f"{service}: {len(contracts)} contracts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
