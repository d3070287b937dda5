"""This VGG16 and a PyTorch one give the same numbers, through `.pth` and `.safetensors` files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vggjax.model import build_vgg
from vggjax.model.layers import TORCH_DEVIATION, TORCH_MEAN, Preprocess
from vggjax.weights import load_weights

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
DENSE = {"fc1": 0, "fc2": 3, "predictions": 6}  # places in torchvision's `classifier`


class TorchVGG(torch.nn.Module):
    """VGG16 with torchvision's layout and names: `features.N`, `classifier.N`."""

    def __init__(self):
        super().__init__()
        layers, self.places, channels = [], {}, 3
        for block, (width, depth) in enumerate(BLOCKS, start=1):
            for number in range(1, depth + 1):
                self.places[f"block{block}_conv{number}"] = len(layers)
                layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
                channels = width
            layers.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*layers)
        linear, relu, drop = torch.nn.Linear, torch.nn.ReLU, torch.nn.Dropout
        self.classifier = torch.nn.Sequential(
            *(linear(512 * 7 * 7, 4096), relu(), drop()),
            *(linear(4096, 4096), relu(), drop(), linear(4096, 1000)),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


@pytest.fixture(scope="module")
def torch_vgg():
    """He-normal kernels; PyTorch's own shapes and orders, nothing of ours."""
    torch.manual_seed(0)
    model = TorchVGG().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            torch.nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        model.classifier[6].weight *= 0.8
    return model


@pytest.fixture(scope="module", params=["pth", "safetensors"])
def our_vgg(request, torch_vgg, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / f"vgg16.{request.param}"
    write = torch.save if request.param == "pth" else save_file
    write(torch_vgg.state_dict(), path)
    info, params = load_weights(str(path))
    path.unlink()
    assert info.config.preprocessing == "torch"
    return build_vgg(info.config, params)


def normalised(images):
    """torchvision's ToTensor and Normalize, by their definition."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (TORCH_MEAN, TORCH_DEVIATION))
    return (x - mean) / deviation


@torch.no_grad()
def test_logits(our_vgg, torch_vgg, images):
    theirs = torch_vgg(normalised(images)).numpy()
    assert 5 < np.abs(theirs).max() < 15, f"logits of order 10, not {np.abs(theirs).max()}"
    assert np.abs(np.asarray(our_vgg(images)) - theirs).max() <= 1e-4


@torch.no_grad()
def test_every_layer(our_vgg, torch_vgg, images, assert_layer_close):
    ours = our_vgg.activations(images, our_vgg.names)
    x, named = normalised(images), {place: name for name, place in torch_vgg.places.items()}
    for place, module in enumerate(torch_vgg.features):
        x = module(x)
        if place - 1 in named:  # the ReLU after a convolution
            name = named[place - 1]
            assert_layer_close(name, ours[name], x.permute(0, 2, 3, 1).numpy())
    assert_layer_close("block5_pool", ours["block5_pool"], x.permute(0, 2, 3, 1).numpy())
    x = torch.flatten(x, 1)
    for name, place in DENSE.items():
        x = torch_vgg.classifier[place](x)
        x = torch.relu(x) if name != "predictions" else x
        assert_layer_close(name, ours[name], x.numpy())


def test_preprocessing(images):
    theirs = normalised(images).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(Preprocess("torch", 224)(images), theirs, atol=1e-6)
