"""Holds answers of the status location against docs/openapi.yaml.

openapi_check.py YAML parameters   prints the parameters and their examples as query strings, one a line
openapi_check.py YAML answers      reads answers as JSON lines (question, status, type, body) and prints what is wrong, one a line
"""

import json
import sys
from urllib.parse import quote

import jsonschema
import yaml


def operation(document):
    return document["paths"]["/rum/status"]["get"]


def parameters(document):
    for p in operation(document)["parameters"]:
        examples = p["example"] if isinstance(p["example"], list) else [p["example"]]
        if p.get("explode") is False:
            examples = [",".join(map(str, examples))]
        yield p["name"], "&".join("%s=%s" % (p["name"], quote(str(e))) for e in examples)


def problems(document, answers):
    resolver = jsonschema.RefResolver("", document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for line in answers:
        answer = json.loads(line)
        responses = operation(document)["responses"]
        response = responses.get(str(answer["status"]))
        if response is None:
            yield "%s: status %s is not documented" % (answer["question"], answer["status"])
            continue
        media = response["content"].get(answer["type"].split(";")[0])
        if media is None:
            yield "%s: type %s is not documented" % (answer["question"], answer["type"])
            continue
        value = json.loads(answer["body"]) if answer["type"] == "application/json" else answer["body"]
        validator = jsonschema.Draft202012Validator(media["schema"], resolver=resolver)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            yield "%s: at %s: %s" % (answer["question"], "/".join(map(str, error.absolute_path)), error.message[:200])


with open(sys.argv[1]) as f:
    document = yaml.safe_load(f)

if sys.argv[2] == "parameters":
    for name, text in parameters(document):
        print("%s %s" % (name, text))
else:
    for problem in problems(document, sys.stdin):
        print(problem)
