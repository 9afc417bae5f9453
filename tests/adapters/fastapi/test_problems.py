import json
import re
from typing import Any

import pytest
from fastapi import FastAPI

from cleanarch_kit.adapters.fastapi import (
    Problem,
    ProblemDetails,
    ProblemResponse,
    install,
    problem_responses,
)


def test_an_answer_is_plain_ascii_whatever_it_says() -> None:
    details = ProblemDetails.model_construct(title="\ud800", status=400, detail="naïve", correlation_id="x")
    response = ProblemResponse(details, headers={"X-More": "yes"})
    assert bytes(response.body).isascii()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-more"] == "yes"
    assert json.loads(bytes(response.body))["title"] == "\ud800"


def test_what_is_not_known_is_left_out() -> None:
    response = ProblemResponse(ProblemDetails(title="Gone", status=410, correlation_id="x"))
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": "Gone",
        "status": 410,
        "correlation_id": "x",
    }


@pytest.mark.parametrize(("status", "title"), [(409, "Conflict"), (499, "Error")])
def test_a_problem_without_a_title_has_the_phrase_of_its_status(status: int, title: str) -> None:
    assert Problem(status).shown_title == title
    assert Problem(status, "Own").shown_title == "Own"


def test_openapi_shows_problem_details_on_every_route() -> None:
    app = FastAPI()
    install(app)

    @app.get("/items/{item_id}", responses=problem_responses(404, 499))
    async def item(item_id: int) -> int:
        return item_id

    document = app.openapi()
    responses = document["paths"]["/items/{item_id}"]["get"]["responses"]
    assert responses.keys() == {"200", "404", "422", "499", "500"}
    assert responses["404"]["description"] == "Not Found"
    for status in ("404", "422", "499", "500"):
        (media_type,) = responses[status]["content"]
        assert media_type == "application/problem+json"
        schema = responses[status]["content"][media_type]["schema"]
        assert schema["required"] == ["title", "status", "correlation_id"]
    assert "HTTPValidationError" not in document.get("components", {}).get("schemas", {})


def test_every_reference_of_the_document_can_be_resolved() -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    async def root() -> None: ...

    document = app.openapi()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        target: Any = document
        for step in reference.split("/"):
            target = target[step]
        assert target
