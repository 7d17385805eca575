"""The rows of each table: namespaces of what the columns of tables.toml read their values from."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean
from types import SimpleNamespace as Row

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.derived import DerivedResult, corrected_error
from compression_leaderboard.fits.evaluation import Prediction
from compression_leaderboard.fits.study import BenchmarkStudy, StudiedBoard
from compression_leaderboard.records.imported import Imported, ImportedScore, ImportedTask
from compression_leaderboard.records.plane import LayerInformation, PreferenceLayer


def _models(board: StudiedBoard) -> Iterator[Row]:
    for _, model in sorted(board.specs.models.items()):
        weights, page = model.weights, f"models/{model.id}/"
        source = weights.hub or weights.package or weights.path
        yield Row(
            provenance="measured",
            cohort=None,
            source=source,
            model=model.id,
            about=model,
            weights=weights,
            page=page,
        )
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            for row in cohort.rows:
                yield Row(
                    provenance="published",
                    cohort=cohort,
                    source=cohort.name,
                    model=row.model,
                    about=row,
                    weights=None,
                    page=row.page,
                )


def cohort_rows(cohort: Cohort) -> Iterator[Row]:
    """Yield the rows of a cohort in the leaderboard."""
    for row in cohort.rows:
        yield Row(
            cohort=cohort,
            about=row,
            compression=row.value(cohort.mean_compression),
            score=row.figures.get(cohort.mean_score),
        )


def _scores(board: StudiedBoard) -> Iterator[Row]:
    for cohort in board.cohorts:
        groups = (
            ("compression", cohort.compression),
            ("preference", cohort.preferences),
            ("benchmark", cohort.scores),
        )
        for kind, column in ((kind, column) for kind, columns in groups for column in columns):
            for row in cohort.rows:
                if (figure := row.figures.get(column.key)) is not None:
                    yield Row(
                        cohort=cohort,
                        about=row,
                        kind=kind,
                        column=column,
                        figure=figure,
                        # Where a standard error is known, it says it all.
                        interval=figure.interval if figure.stderr is None else None,
                        record=figure.source if cohort.provenance == "measured" else None,
                    )


def _of_record(entry: DerivedResult) -> dict[str, object]:
    """Return what all rows of one record share."""
    return {"result": entry.result, "record": entry.record, "measured_by": entry.measured_by}


def _texts(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.texts:
        result, corpus = entry.result, board.specs.corpora[entry.result.name]
        assert result.lossless is not None  # it is a text
        yield Row(
            **_of_record(entry),
            documents=len(result.lossless.documents),
            interval=entry.interval,
            plane=entry.plane,
            corpus_after_release=corpus.begins > board.specs.models[result.model].released,
        )


def _documents(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.texts:
        assert entry.result.lossless is not None  # it is a text
        for document in entry.result.lossless.documents:
            yield Row(result=entry.result, cost=document)


def _byte_classes(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.texts:
        if board.is_final(entry.result):
            for part in entry.classes:
                yield Row(**_of_record(entry), part=part)


@dataclass(frozen=True)
class BySeed:
    """One number per anchor seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Standard deviation; None for one seed."""
        mean, n = self.mean, len(self.values)
        squares = math.fsum((value - mean) ** 2 for value in self.values)
        return math.sqrt(squares / (n - 1)) if n > 1 else None


def _information(labels: LayerInformation | PreferenceLayer) -> dict[str, BySeed]:
    pairs = zip(labels.plug_in, labels.null, strict=True)
    return {
        "plug_in": BySeed(labels.plug_in),
        "null": BySeed(labels.null),
        "corrected": BySeed(tuple(plug_in - null for plug_in, null in pairs)),
        "null_deviation": BySeed(labels.null_deviation),
    }


def _plane(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.texts:
        lossy = entry.result.lossy
        if lossy is not None and board.is_final(entry.result):
            for layer in lossy.layers:
                for labels in layer.information:
                    yield Row(
                        **_of_record(entry),
                        layer=layer,
                        labels=labels,
                        entropy=BySeed(layer.entropy),
                        ceiling=BySeed(layer.ceiling),
                        **_information(labels),
                        null_error=BySeed(labels.null_error),
                    )


def _preferences(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.current:
        if entry.preference is not None:
            yield Row(**_of_record(entry), figure=entry.preference)


def _preference_layers(board: StudiedBoard) -> Iterator[Row]:
    for entry in board.current:
        if (preference := entry.result.preference) is not None:
            for layer in preference.layers:
                error = corrected_error(layer)
                information = _information(layer)
                yield Row(**_of_record(entry), layer=layer, **information, standard_error=error)


def _studies(board: StudiedBoard) -> Iterator[tuple[Cohort, BenchmarkStudy]]:
    for cohort in board.cohorts:
        for study in board.evidence[cohort.name].study.benchmarks:
            yield cohort, study


def _predicted(cohort: Cohort, study: BenchmarkStudy, fit: Prediction, **more: object) -> Row:
    interval80, interval95 = fit.intervals
    return Row(
        cohort=cohort, study=study, fit=fit, interval80=interval80, interval95=interval95, **more
    )


def _predictions(board: StudiedBoard) -> Iterator[Row]:
    for cohort, study in _studies(board):
        for prediction in study.predictions:
            yield _predicted(cohort, study, prediction)


def _residuals(board: StudiedBoard) -> Iterator[Row]:
    for cohort, study in _studies(board):
        for validation in study.validations:
            for row in validation.rows:
                more = {"fold": validation.kind, "measured": row.measured, "residual": row.error}
                yield _predicted(cohort, study, row.prediction, **more)


def _fits(board: StudiedBoard) -> Iterator[Row]:
    for cohort, study in _studies(board):
        shared = {"cohort": cohort, "study": study}
        if study.fit is None:
            unknown = dict.fromkeys(("accuracy", "chosen", "baseline", "coverage80", "coverage95"))
            yield Row(**shared, fold="none", **unknown)
        for validation in study.validations:
            chosen = [f"{form} of {label}: {n}" for label, form, n in validation.chosen]
            by_group = study.comparison if validation.kind == "group" else None
            yield Row(
                **shared,
                fold=validation.kind,
                accuracy=validation.accuracy,
                chosen="; ".join(chosen),
                baseline=by_group and by_group.best_baseline,
                **{f"coverage{100 * c.level:.0f}": c for c in validation.coverage},
            )


def _correlations(board: StudiedBoard) -> Iterator[Row]:
    for cohort in board.cohorts:
        for correlation in board.evidence[cohort.name].correlations:
            yield Row(cohort=cohort, correlation=correlation)


def _imported(board: StudiedBoard) -> Iterator[Row]:
    conflicts = {
        _place(reading.imported, reading.task, reading.score): conflict
        for conflict in board.conflicts
        for reading in conflict.readings
    }
    for file in (entry.imported for entry in board.imported):
        for task, score in file.readings():
            conflict = conflicts.get(_place(file, task, score))
            yield Row(
                file=file,
                task=task,
                score=score,
                conflict=conflict,
                disputed=conflict is not None,
                date=file.date and file.date.date(),
                record=f"imported/{file.file}",
            )


def _place(file: Imported, task: ImportedTask, score: ImportedScore) -> tuple[str | None, ...]:
    return file.source.sha256, task.task, task.prompt, score.metric, score.filter


ROWS: dict[str, Callable[[StudiedBoard], Iterable[object]]] = {
    "models": _models,
    "leaderboard": lambda board: (row for cohort in board.cohorts for row in cohort_rows(cohort)),
    "scores": _scores,
    "compression": _texts,
    "compression_documents": _documents,
    "compressors": lambda board: (Row(**vars(r), settings=r.settings) for r in board.compressors),
    "comparisons": lambda board: board.comparisons,
    "byte_classes": _byte_classes,
    "class_comparisons": lambda board: board.class_comparisons,
    "text_amounts": lambda board: board.amounts,
    "costs": lambda board: board.costs,
    "information_plane": _plane,
    "preferences": _preferences,
    "preference_layers": _preference_layers,
    "trajectories": lambda board: board.trajectories,
    "predictions": _predictions,
    "fits": _fits,
    "correlations": _correlations,
    "residuals": _residuals,
    "imported": _imported,
}
