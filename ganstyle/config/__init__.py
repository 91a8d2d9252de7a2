"""One configuration out of defaults, the architecture's recipe, a recipe file, flags and `--set`; imports no torch.

A section names one component (`arch`, `loss`, `task`, `data`), several (`regularizer`, `metric`, `callback`) or plain
options (`train`, `optimizer`, `preprocess`). A stronger layer that names another component drops the weaker options of
that section; one that names the same component keeps them. A list of components given as a whole (`regularizer = [...]`
or a table in a recipe) replaces the weaker list; a dotted key (`regularizer.r1.gamma`) adds to it.

A few keys (OPEN_TO_AUTO) may be `auto`: the engine then chooses and the run's configuration holds what it chose.
"""

from ganstyle.config._draft import LIST_KINDS, OPEN_TO_AUTO, SECTIONS, Config, Selection
from ganstyle.config._groups import GROUPS, OptimizerOptions, PreprocessOptions, TrainOptions
from ganstyle.config._presets import PRESETS, parse_count, parse_duration
from ganstyle.config._recipe import MAX_RECIPE_BYTES
from ganstyle.config._resolve import config_from_dict, config_to_dict, resolve, validate

__all__ = [
    "GROUPS",
    "LIST_KINDS",
    "MAX_RECIPE_BYTES",
    "OPEN_TO_AUTO",
    "PRESETS",
    "SECTIONS",
    "Config",
    "OptimizerOptions",
    "PreprocessOptions",
    "Selection",
    "TrainOptions",
    "config_from_dict",
    "config_to_dict",
    "parse_count",
    "parse_duration",
    "resolve",
    "validate",
]
