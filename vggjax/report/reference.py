"""What the reference, a student report, measured, to print beside our own numbers."""

from typing import NamedTuple

# Row C1, Table 1 and Figure 3: accuracy on Caltech-256 against training images per class. They are
# validation accuracies: the listings plot `val_acc[-1]`, and have the test switched off.
C1_VALIDATION_ACCURACY = {2: 0.4518, 4: 0.5885, 8: 0.6746, 16: 0.7112, 32: 0.7321}

# Row U1: about 50 % on Urban Tribes at 16 or 32 images per class; no numbers for 2, 4 and 8. They
# are validation accuracies, too.
U1_VALIDATION_ACCURACY = {16: 0.5, 32: 0.5}
URBAN_TRIBES = (
    *("biker", "clubber", "country", "formal", "goth", "heavy", "hiphop", "hipster", "others"),
    *("ravers", "surfer"),
)


class TableTwoRow(NamedTuple):
    """One line of Table 2: accuracies in 0–1, losses in nats."""

    train_accuracy: float
    train_loss: float
    test_accuracy: float
    test_loss: float


# Row C5, Table 2: Caltech-256, 32 images per class, flattened output of a layer, as printed. The
# text gives 50 % to block5_conv3: the rows are very probably reversed.
C5_TABLE = {
    "block5_conv3": TableTwoRow(0.0132, 15.9056, 0.0107, 15.9429),
    "block5_conv2": TableTwoRow(0.1315, 13.9779, 0.0916, 14.5963),
    "block5_conv1": TableTwoRow(0.8547, 2.3343, 0.5000, 6.3298),
}
# The same with its rows reversed.
C5_REVERSED = dict(zip(C5_TABLE, reversed(C5_TABLE.values()), strict=True))
# Row C5: the learning rates of its text, in the order in which it names the layers, and those of
# two listings; the second one's are assumed to be in the same order.
C5_LEARNING_RATES = {
    name: dict(zip(C5_TABLE, rates, strict=True))
    for name, rates in {
        "text": (1e-5, 1e-6, 1e-7),
        "listing-a": (1e-4, 1e-4, 1e-4),
        "listing-b": (1e-7, 1e-7, 1e-6),
    }.items()
}

# Row U5, Figure 27: Urban Tribes, pooled; one number for all layers, "deeper is better".
U5_LEARNING_RATE = 1e-5

# Row B1, Figure 28: the best temperature and its test accuracy on Caltech-256.
B1_BEST_TEMPERATURE = 1
B1_BEST_ACCURACY = 0.51
