"""A look inside: feature maps, what excites a filter, and which images do."""

from vggjax.inspect.activating import Activating, mean_activations, most_activating
from vggjax.inspect.ascent import ascend, growing_ascents
from vggjax.inspect.gradcam import explained_layer, grad_cam
from vggjax.inspect.maps import check_maps, choose_maps, feature_maps, map_picture
from vggjax.inspect.result import Ascent, AscentConfig, contrast_picture
from vggjax.inspect.space import InputSpace

__all__ = [
    "Activating",
    "Ascent",
    "AscentConfig",
    "InputSpace",
    "ascend",
    "check_maps",
    "choose_maps",
    "contrast_picture",
    "explained_layer",
    "feature_maps",
    "grad_cam",
    "growing_ascents",
    "map_picture",
    "mean_activations",
    "most_activating",
]
