"""Pure: which records are likely one household. Splink over DuckDB, in memory; nothing leaves the process.

The same function serves the nightly run and the benchmark on public data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.identity.comparisons import BLOCKING, CROSSED, FIELDS, LEVELS, MOST_PAIRS, comparisons, said

DUPLICATES = 0.1  # expected second records a record, before anything is seen
SAMPLE_PAIRS = 1e6  # random pairs, to measure how often strangers agree
FEWEST = 2  # records below which there is nothing to compare
KEPT_FROM = 0.01

_OTHER_NUMBER = ("number one sign off", "same street")
_AGREE = ("same", "nearly", "crossed", "alike", "one sign off")


def squeezed(values: pd.Series[Any]) -> pd.Series[Any]:
    """Upper case, letters and digits alone: 'Newlambto Nheights' compares with 'New Lambton Heights'."""
    text = values.astype("str").str.upper().str.replace(r"[^A-Z0-9]+", "", regex=True)
    return text.where(values.notna() & (text != "")).astype(object).where(lambda kept: kept.notna(), None)


def score(
    records: pd.DataFrame, threads: int | None = None, measured: Callable[[], None] = lambda: None
) -> pd.DataFrame:
    """Pairs of records that may be one household.

    Args:
        records: One row each, with a RangeIndex; columns of `FIELDS`, upper case without signs (`squeezed`), None where
            unknown. A missing column is unknown throughout.
        threads: Of DuckDB; None: as many as there are cores.
        measured: Called once it is measured how often strangers agree, which is half of the work.

    Returns:
        one, other (row numbers), strength (the model's probability, 0 to 1), may_apply (False: a person has to look,
        however sure the model is; see `careful`), and each comparison's outcome in words. Pairs below a strength of
        0.01 are left out.
    """
    # Splink and DuckDB take a second to load and serve the night alone.
    from splink import DuckDBAPI, Linker  # noqa: PLC0415

    logging.getLogger("splink").setLevel(logging.ERROR)
    if len(records) < FEWEST:
        return _told(pd.DataFrame(columns=["one", "other", "strength"]))
    prepared = _prepared(records)
    engine = DuckDBAPI()
    if threads:
        engine._execute_sql_against_backend(f"SET threads = {int(threads)}")
    table = engine.register(prepared)
    strangers = Linker(table, _settings(prepared), log_level=logging.ERROR)
    strangers.training.estimate_u_using_random_sampling(max_pairs=SAMPLE_PAIRS, seed=1, min_count_per_level=None)
    measured()
    linker = Linker(table, _completed(strangers.misc.save_model_to_json(), len(prepared)), log_level=logging.ERROR)
    return _told(linker.inference.predict(threshold_match_probability=KEPT_FROM).as_pandas_dataframe())


def _prepared(records: pd.DataFrame) -> pd.DataFrame:
    full = records.reindex(columns=list(FIELDS)).reset_index(drop=True)
    begins = {f"{field}_begins": full[field].astype("str").str[:4].where(full[field].notna())
              for field in ("street", "surname")}  # fmt: skip
    made = full.assign(unique_id=np.arange(len(full)), **begins)
    return made.astype(object).where(made.notna(), None)


def _settings(records: pd.DataFrame) -> dict[str, Any]:
    from splink import block_on  # noqa: PLC0415

    codes = {name: pd.factorize(records[name])[0] for name in {name for columns in BLOCKING for name in columns}}
    most = MOST_PAIRS * len(records)
    rules = [block_on(*columns) for columns in BLOCKING if 0 < _pairs(*(codes[name] for name in columns)) <= most]
    return {
        "link_type": "dedupe_only",
        "comparisons": comparisons(),
        "blocking_rules_to_generate_predictions": [*(rule.create_blocking_rule_dict("duckdb") for rule in rules),
                                                   {"blocking_rule": CROSSED}],
        "probability_two_random_records_match": min(0.5, 2 * DUPLICATES / (len(records) - 1)),
        "retain_matching_columns": True,
    }  # fmt: skip


def _pairs(*codes: NDArray[np.intp]) -> int:
    """How many pairs agree in all of these columns; a missing value (-1) agrees with nothing."""
    known = np.logical_and.reduce([column >= 0 for column in codes])
    key = np.zeros(int(known.sum()), dtype=np.int64)
    for column in codes:
        key = key * (int(column.max(initial=0)) + 1) + column[known]
    sizes = np.unique(key, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _completed(model: Mapping[str, Any], records: int) -> dict[str, Any]:
    """The model with the shipped u and m where nothing could be measured."""
    shipped = {field: {level.sql: level for level in levels} for field, levels in LEVELS.items()}
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            known = shipped[comparison["output_column_name"]].get(level["sql_condition"])
            if known is not None:
                level["m_probability"] = known.m
                if known.strangers is not None:
                    level["u_probability"] = known.strangers / records
                else:
                    level["u_probability"] = _number(level.get("u_probability")) or known.u
    return dict(model)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and 0 < value < 1 else None


def _told(found: pd.DataFrame) -> pd.DataFrame:
    """The pairs in our words."""
    told = pd.DataFrame({
        "one": found.get("unique_id_l", pd.Series(dtype=int)).to_numpy(np.int64),
        "other": found.get("unique_id_r", pd.Series(dtype=int)).to_numpy(np.int64),
        "strength": found.get("match_probability", pd.Series(dtype=float)).to_numpy(float),
    })  # fmt: skip
    for field in LEVELS:
        gamma = found.get(f"gamma_{field}", pd.Series(dtype=int)).to_numpy(np.int64)
        names = np.array([said(field, number) for number in range(-1, len(LEVELS[field]))], dtype=object)
        told[field] = names[gamma + 1]
    return told.assign(may_apply=careful(told))


def careful(pairs: pd.DataFrame) -> pd.Series[bool]:
    """Which pairs the model may merge by itself, were it sure.

    A person looks where house numbers differ and neither the whole name nor a unit agrees: relatives live next door;
    and where no part of the name agrees: one family may have lived there after the other. A telephone number or an
    e-mail address that is the same speaks for itself.
    """
    contact = (pairs["phone"] == "same") | (pairs["email"] == "same")
    agree = {field: pairs[field].isin(_AGREE) for field in ("given", "surname")}
    unknown = {field: pairs[field] == "unknown" for field in ("given", "surname")}
    any_name = agree["given"] | agree["surname"] | unknown["given"] | unknown["surname"]
    whole_name = (agree["given"] | unknown["given"]) & agree["surname"]
    closer = whole_name | pairs["unit"].isin(_AGREE)
    return contact | (any_name & (~pairs["door"].isin(_OTHER_NUMBER) | closer))
