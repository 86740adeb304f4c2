"""Locust's fastest user, with the same check of the JSON that loadcheck makes: run by Locust, not by us."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator"

import json
import os

from locust import FastHttpUser, constant, task

EXPECTED = json.loads(os.environ["BENCH_BODY"])
FIELDS = {"Accept": "application/json", "Authorization": "Bearer " + os.environ["BENCH_TOKEN"]}


class Caller(FastHttpUser):
    """Sends again as soon as the last answer is judged."""

    wait_time = constant(0)

    @task
    def get(self) -> None:
        """Get the rows, and fail if they are others."""
        with self.client.get(os.environ["BENCH_PATH"], headers=FIELDS, catch_response=True) as answer:
            if answer.json() != EXPECTED:
                answer.failure("not the rows expected")
