"""Warm processes, forked from one that holds imports and nothing else.

environment  what a forked process may know: made from a list of what is allowed
wire         how two processes speak
children     the nursery's side: import, fork, bury; and what a child does first
nurseries    the other side: start a nursery, ask it for children, start it again where it has ended
"""

from __future__ import annotations

from stormplay.forking.environment import kernel_environment, nursery_environment
from stormplay.forking.nurseries import Fork, Nursery, can_fork

__all__ = ["Fork", "Nursery", "can_fork", "kernel_environment", "nursery_environment"]
