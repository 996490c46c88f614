"""meshio gives the answers that a real Envoy gave to the same resources and requests."""

import json
from functools import cache
from typing import Any

import pytest
from harness import recorded
from harness.case import Case, load, topics
from harness.clock import timeless
from harness.compare import differences
from harness.process import replay
from harness.shorthand import Place

CASES = [case for topic in topics() for case in load(topic)]
answers = cache(recorded.read)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_meshio_does_what_envoy_did(case: Case):
    entries = answers(case.topic)
    if not recorded.is_current(case, entries):
        pytest.fail(f"no recording of this case as it is now: make parity RECORD=1 TOPICS={case.topic}", pytrace=False)
    envoy: dict[str, Any] = entries[case.name]["envoy"]
    assert ("refused" in envoy) == case.rejected, "`rejected` says whether Envoy refuses the resources"
    found = differences(case, envoy, json.loads(json.dumps(timeless(replay(case)))))
    if case.known:
        assert found, f"they agree: this is no difference any more: {case.known}"
    else:
        assert not found, "\n".join(found)


def test_each_case_has_addresses_of_its_own():
    places = [(Place(case).net, Place(case).port) for case in CASES]
    assert len(set(places)) == len(places)
