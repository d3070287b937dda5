"""Which experiments the report consists of: how each is run, and what is shown of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import caltech
import feature_maps
import layers
import temperature
import urban_tribes
import visualize

from vggjax.report import C1_TEST_ACCURACY, U1_TEST_ACCURACY
from vggjax.report.page import Table
from vggjax.report.result_tables import (
    few_shot_table,
    filters_table,
    maps_table,
    pooled_table,
    table_two,
    temperature_table,
)

IMAGES, TRIBES, FLAT, NETWORK = "images", "tribes", "flat", "network"
SIZES = ("2", "4", "8", "16", "32")
SEEDS = ("--seed", "0", "1", "2")


@dataclass(frozen=True)
class Planned:
    """One experiment: the script's file name and `main`, its arguments, and its part of the page.

    `takes` says which of the report's options are passed on: those of IMAGES, TRIBES, FLAT
    (of TRIBES if there is such a folder, else of IMAGES) or NETWORK.
    `on_demo` and `again` are further arguments for the demo set and with `--again`. `figures` are
    {file: caption}; `text` says what to look for.
    """

    name: str
    rows: str
    title: str
    text: str
    script: str
    main: Callable[[Sequence[str]], None]
    table: Callable[[Mapping[str, Any]], Table]
    figures: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    takes: str = IMAGES
    on_demo: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


PLAN = (
    Planned(
        name="caltech",
        rows="C1, C2, C3",
        title="a new head on fc2, few images per class",
        text="Accuracy should rise with the images per class, fast at first and then slowly; in "
        "training, loss falls fast in the first five epochs, and training ends above validation.",
        script="caltech.py",
        main=caltech.main,
        arguments=("--samples", *SIZES, *SEEDS),
        again=("--again",),
        table=partial(few_shot_table, reported=C1_TEST_ACCURACY),
        figures={
            "accuracy.png": "C3: test accuracy against images per class (Figure 3)",
            "history-32-seed0.png": "C2: loss and accuracy per epoch at 32 images (Figures 1, 2)",
        },
    ),
    Planned(
        name="feature_maps",
        rows="C4",
        title="feature maps of three test images",
        text="The first layer shows edges and colours over the whole object, the last one lights "
        "up for a few parts or for nothing (Figures 4 to 6).",
        script="feature_maps.py",
        main=feature_maps.main,
        table=maps_table,
        figures={"maps.png": "C4: images and four random maps of each layer"},
    ),
    Planned(
        name="layers",
        rows="C5",
        title="heads straight on the layers of block 5",
        text="The report's deeper layers collapse; with standardised features and a sane learning "
        "rate they do not, so the collapse comes from the recipe and not from the layer. (The demo "
        "weights' features are small: there the report's rates are only too low.)",
        script="layers.py",
        main=layers.main,
        table=table_two,
        figures={
            "layers.png": "C5: test accuracy by layer and recipe (Table 2)",
            "history-block5_conv3-seed0.png": "C5: block5_conv3, per epoch (Figure 7)",
            "history-block5_conv2-seed0.png": "C5: block5_conv2, per epoch (Figure 8)",
            "history-block5_conv1-seed0.png": "C5: block5_conv1, per epoch (Figure 9)",
        },
    ),
    Planned(
        name="urban_tribes",
        rows="U1, U2",
        title="eleven classes in a flat folder",
        text="About half should be right at 16 or 32 images per class; validation loss flattens "
        "early while training accuracy nears 1. Validation and test images are kept apart here.",
        script="urban_tribes.py",
        main=urban_tribes.main,
        arguments=("--samples", *SIZES, *SEEDS),
        takes=TRIBES,
        again=("--again",),
        table=partial(few_shot_table, reported=U1_TEST_ACCURACY, reported_form="about {:.2f}"),
        figures={
            "accuracy.png": "U2: test accuracy against images per class (Figure 20)",
            **{
                f"history-{size}-seed0.png": f"U2: per epoch, {size} images (Figures 10 to 19)"
                for size in SIZES
            },
        },
    ),
    Planned(
        name="first_maps",
        rows="U3",
        title="the first four maps of four images",
        text="Each row of a grid is one image: detailed maps at the first layer, a few bright "
        "spots or nothing at the last one (Figures 21, 22).",
        script="feature_maps.py",
        main=feature_maps.main,
        arguments=("--count", "4", "--maps", "0", "1", "2", "3", "--columns", "4"),
        takes=FLAT,
        table=maps_table,
        figures={"maps.png": "U3: the first four maps of both layers"},
    ),
    *(
        Planned(
            name=f"filters_{layer}",
            rows="U4",
            title=f"what excites the filters of {layer}",
            text=text,
            script="visualize.py",
            main=visualize.main,
            arguments=("--layer", layer),
            takes=NETWORK,
            table=filters_table,
            figures={"filters.png": f"U4: the best filters of {layer} ({where})"},
        )
        for layer, where, text in (
            ("block1_conv1", "Figures 23, 25", "The first layer asks for plain colours and edges."),
            ("block5_conv3", "Figures 24, 26", "The last layer asks for complex patterns."),
        )
    ),
    Planned(
        name="pooled_layers",
        rows="U5",
        title="heads on the pooled layers of block 5",
        text="In the report the deeper layer is the better one, at about 28 % on Urban Tribes. "
        "Without a folder of Urban Tribes, this section runs on the images of section C.",
        script="layers.py",
        main=layers.main,
        arguments=("--pool",),
        takes=FLAT,
        table=pooled_table,
        figures={
            "layers.png": "U5: test accuracy by layer and recipe",
            "validation-seed0.png": "U5: validation accuracy per epoch (Figure 27)",
        },
    ),
    Planned(
        name="temperature",
        rows="B1",
        title="a head on softened probabilities",
        text="In the report T = 1 is best, and a higher T learns more slowly and ends lower. (The "
        "demo weights have 96 classes instead of 1000, and there a T above 1 ends higher.)",
        script="temperature.py",
        main=temperature.main,
        on_demo=("--epochs", "120"),
        table=temperature_table,
        figures={"temperature.png": "B1: validation and test accuracy by temperature (Figure 28)"},
    ),
)
