"""What the report measured, to print beside our own numbers."""

# Row C1, Table 1: test accuracy on Caltech-256 against training images per class.
C1_TEST_ACCURACY = {2: 0.4518, 4: 0.5885, 8: 0.6746, 16: 0.7112, 32: 0.7321}

# Row U1: about 50 % on Urban Tribes at 16 or 32 images per class; no numbers for 2, 4 and 8.
U1_TEST_ACCURACY = {16: 0.5, 32: 0.5}
