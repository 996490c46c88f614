"""What cases are made up about, and how many of them in a run."""

from dataclasses import dataclass

from harness.areas.answers import BRANCHING, FOLLOWED, REPLYING
from harness.areas.choices import AGGREGATING, DRAWING, EJECTING, SPLITTING, SUBSETTING
from harness.areas.filters import FILTERING
from harness.areas.fleets import CROWDED, HASHING, RETRYING
from harness.areas.retries import ELSEWHERE_AGAIN, TRUSTING
from harness.areas.routing import NORMALISING, ROUTING
from harness.areas.words import Told


@dataclass(frozen=True)
class Area:
    about: str
    cases: Told
    count: int


AREAS = {
    "routing": Area("whole route tables: matching, rewrites, redirects, changes of headers", ROUTING, 900),
    "filtering": Area("chains of filters, and what each level of a table says about them", FILTERING, 600),
    "replying": Area("Envoy's own answers, and what local_reply_config makes of them", REPLYING, 400),
    "hashing": Area("ring hash and Maglev over localities, priorities, health", HASHING, 300),
    "subsetting": Area("subsets by metadata, their fallbacks, over hash policies", SUBSETTING, 300),
    "retrying": Area("what is retried, by scripts of failures", RETRYING, 300),
    "elsewhere": Area("which host and which priority a retry goes to", ELSEWHERE_AGAIN, 200),
    "trusting": Area("what callers say with x-envoy headers, and where they come from", TRUSTING, 300),
    "normalising": Area("dirty paths, and ways to clean them", NORMALISING, 300),
    "following": Area("redirects of upstreams that are followed", FOLLOWED, 200),
    "branching": Area("matcher trees", BRANCHING, 200),
    "splitting": Area("weighted clusters, by header, hash and chance", SPLITTING, 200),
    "aggregating": Area("clusters of clusters", AGGREGATING, 100),
    "ejecting": Area("hosts that are put out", EJECTING, 150),
    "drawing": Area("policies that leave it to chance, over localities, priorities, health", DRAWING, 100),
    "crowded": Area("requests at once, at a cluster with limits", CROWDED, 20),
}
