"""The differential bench: the same resources and the same requests for Envoy and for meshio, and what came of them.

case        one question, as YAML tells it            shorthand, protos, world    ... as resources, in bytes
upstream    recording servers                         caller                      what a client sees
envoy       a real Envoy under a control plane        process                     meshio over the same resources
outcome     what happened, without what varies        compare, chance             whether two outcomes agree
clock       time that only leaps, for replays
recorded    Envoy's answers in the repository         __main__                    `make parity`
"""
