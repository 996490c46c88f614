"""Situations that Envoy was asked about.

`record_envoy.py` translates each into Envoy's configuration, runs it and keeps the answers under
`envoy/*.json`; the tests beside this file hold our functions to those answers.
"""

from envoy_answers import direct_responses, local_replies, redirects
from envoy_changes import mirrors, mutations, rewrites
from envoy_paths import paths

GROUPS = {
    "redirects": redirects,
    "direct_responses": direct_responses,
    "rewrites": rewrites,
    "mutations": mutations,
    "paths": paths,
    "local_replies": local_replies,
    "mirrors": mirrors,
}
