import numpy as np

from vggjax.model.layers import Preprocess


def test_caffe_preprocessing_is_bgr_minus_the_means():
    """Keras' numbers, written out: `keras/src/applications/imagenet_utils.py`."""
    image = np.array([[[[10, 20, 30]]]], np.uint8)
    expected = [[[[30 - 103.939, 20 - 116.779, 10 - 123.68]]]]
    np.testing.assert_allclose(Preprocess("caffe", 1)(image), expected, rtol=1e-6)


def test_torch_preprocessing_is_rgb_scaled_and_standardised():
    """torchvision's numbers, written out: `VGG16_Weights.IMAGENET1K_V1.transforms()`."""
    image = np.array([[[[0, 128, 255]]]], np.uint8)
    scaled = np.array([0, 128, 255]) / 255
    expected = (scaled - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(Preprocess("torch", 1)(image)[0, 0, 0], expected, rtol=1e-5)
