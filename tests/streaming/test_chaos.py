"""Consumers killed, ended and stopped while events come: nothing is lost, doubled or with another company."""

from __future__ import annotations

import time

import pytest
from chaos import Chaos
from kafka_up import development

from stormplay.errors import Busy

KILLS, BACKENDS = 11, 3  # of each seed
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with development(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_doubled_or_with_another_company(database, broker, seed):
    with Chaos(broker, seed=seed, home=database) as chaos:
        chaos.start(2)
        chaos.produce(3_000, pause_s=0.1)
        ended = 0
        for number in range(KILLS):
            time.sleep(chaos.dice.uniform(0.05, 1.2))
            chaos.kill()
            if ended < BACKENDS and number % 3 == 1:
                time.sleep(chaos.dice.uniform(0.3, 0.8))
                ended += chaos.end_backend()
            if number == KILLS // 2:
                chaos.zombie()
        while ended < BACKENDS:
            ended += chaos.end_backend()
            time.sleep(0.1)
        chaos.settle()
        chaos.compare()
        chaos.scores_agree()
        assert chaos.counts["kills"] == KILLS and chaos.counts["backends"] >= BACKENDS and chaos.counts["zombies"] == 1
        assert set(chaos.ended) <= {Busy.exit_code}, "none but whose name another one has taken, as the zombie's"
        assert chaos.books.sent == 3_000 and not chaos.books.unsure
