"""This VGG16 and a PyTorch one give the same numbers, through `.pth` and `.safetensors` files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vggjax.model.layers import Preprocess

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
DENSE = {"fc1": 0, "fc2": 3, "predictions": 6}  # positions in torchvision's `classifier`


class TorchVGG(torch.nn.Module):
    """VGG16 with torchvision's layout and names: `features.N`, `classifier.N`; ours by position."""

    def __init__(self):
        super().__init__()
        layers, self.names, channels = [], {}, 3
        for block, (width, depth) in enumerate(BLOCKS, start=1):
            for number in range(1, depth + 1):
                self.names[len(layers) + 1] = f"block{block}_conv{number}"
                layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
                channels = width
            self.names[len(layers)] = f"block{block}_pool"
            layers.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*layers)
        linear, relu, drop = torch.nn.Linear, torch.nn.ReLU, torch.nn.Dropout
        self.classifier = torch.nn.Sequential(
            *(linear(512 * 7 * 7, 4096), relu(), drop()),
            *(linear(4096, 4096), relu(), drop(), linear(4096, 1000)),
        )


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


def normalised(images):
    """torchvision's ToTensor and Normalize, by their definition."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    return (x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@torch.no_grad()
def test_every_layer(torch_vgg, images, loaded, assert_same_outputs, tmp_path, suffix):
    x, theirs = normalised(images), {}
    for index, module in enumerate(torch_vgg.features):
        x = module(x)
        if index in torch_vgg.names:
            theirs[torch_vgg.names[index]] = x.permute(0, 2, 3, 1).numpy()
    x = torch.flatten(x, 1)
    for name, index in DENSE.items():
        x = torch_vgg.classifier[index](x)
        x = torch.relu(x) if name != "predictions" else x
        theirs[name] = x.numpy()
    path = tmp_path / f"vgg16.{suffix}"
    (torch.save if suffix == "pth" else save_file)(torch_vgg.state_dict(), path)
    assert_same_outputs(loaded(path, "torch"), theirs)


def test_preprocessing(images):
    theirs = normalised(images).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(Preprocess("torch", 224)(images), theirs, atol=1e-6)
