"""A search over configurations, as ``profile`` is asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from infercost.app.opening import existing

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from infercost.app.opening import Asked
    from infercost.domain.model import ModelFacts
    from infercost.domain.scenario import Search
    from infercost.domain.traffic import Slo
    from infercost.runtime.measure import MeasureSettings, Progress
    from infercost.runtime.trials import Variant

SEARCH_SHARE = 0.5
"""Of the time, beside what is measured without a search."""


@dataclass
class Hunt:
    """A search that was asked for."""

    asked: Asked
    facts: ModelFacts
    settings: MeasureSettings
    slo: Slo | None
    variants: dict[str, Variant]
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        asked: Asked,
        facts: ModelFacts,
        settings: MeasureSettings,
        slo: str | Sequence[str] | None,
        files: Mapping[str, str | os.PathLike[str]],
    ) -> Hunt:
        """Describe the variants; each is an ``.onnx`` file that takes the same inputs."""
        from infercost.domain.traffic import Slo
        from infercost.runtime.inspect import inspect as describe
        from infercost.runtime.trials import Variant, named_variants

        others = {
            name: Variant(path := existing(file), describe(path, dims=dict(asked.fixed), inputs=asked.samples))
            for name, file in files.items()
        }
        promise = None if slo is None else Slo.parse(slo if isinstance(slo, str) else list(slo))
        return cls(asked, facts, settings, promise, named_variants(Variant(asked.path, facts), others))

    @property
    def key(self) -> str:
        """What the search depends on beside the model's own profile."""
        return f"search|{[(name, one.facts.sha256) for name, one in self.variants.items()]}|{self.slo}"

    def search(self, scope: str, *, fresh: bool, on_progress: Callable[[Progress], None] | None) -> Search:
        """Search, with every trial kept at once."""
        from infercost.runtime.trials import search
        from infercost.store.trials import TrialStore

        store = TrialStore(scope, fresh=fresh)
        found = search(
            self.variants,
            inputs=self.asked.arrays(self.facts),
            settings=replace(self.settings, budget_s=SEARCH_SHARE * self.settings.budget_s, loads=()),
            slo=self.slo,
            memory=store,
            on_progress=on_progress,
        )
        self.problems = [store.problem] if store.problem else []
        return found
