"""ImageNet's weights by name: no more is fetched than the cut needs, and only what isn't here."""

import hashlib
import http.server
import inspect
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from weights_helpers import CONFIG, assert_equal, write_legacy

from vggjax.errors import LayerError, WeightsError
from vggjax.model import chain_digest, softmax_head
from vggjax.training import Classifier
from vggjax.weights.importer import convert_file
from vggjax.weights.remote import (
    REMOTES,
    Remote,
    _holders,
    obtainable,
    store_folder,
    stored,
    title_of,
)
from vggjax.weights.sources import load_vgg, load_weights, weights_identity
from vggjax.weights.store import is_store, verify

# The size that is taken for granted where no dense layer tells it.
WHOLE = replace(CONFIG, image_size=224)
CONFIGS = {"imagenet": WHOLE, "imagenet-notop": replace(WHOLE, top=False)}
CUTS = ("block1_conv1", "block5_conv3", "block5_pool")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Notes each file that is sent to its end; of what is broken it sends the first half only."""

    def copyfile(self, source, outputfile):
        name, content = self.path[1:], source.read()
        if name in self.server.broken:
            content = content[: len(content) // 2]
        outputfile.write(content)
        self.server.sent.append((name, len(content)))

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def tree(random_tree):
    return random_tree(WHOLE)


@pytest.fixture(scope="module")
def served(tree, tmp_path_factory):
    """A folder of both files, in Keras' layout, with and without top."""
    folder = tmp_path_factory.mktemp("served")
    for name, config in CONFIGS.items():
        layers = [layer for layer in tree if config.top or "conv" in layer]
        write_legacy(folder / f"{name}.h5", {layer: tree[layer] for layer in layers}, 1)
    return folder


@pytest.fixture
def server(served, tmp_path, monkeypatch):
    """A server of them, known under the names of ImageNet's weights; nothing is here yet."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    handler = partial(Handler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.sent, server.broken = [], set()
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for name, config in CONFIGS.items():
            file = served / f"{name}.h5"
            md5 = hashlib.md5(file.read_bytes()).hexdigest()
            url = f"http://127.0.0.1:{server.server_address[1]}/{file.name}"
            remote = Remote(url, file.stat().st_size, f"md5:{md5}", config)
            monkeypatch.setitem(REMOTES, name, remote)
        yield server
        server.shutdown()


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr("vggjax.download.url_problem", lambda *_, **__: "cannot be reached; no")


def names_sent(server):
    return {name for name, _ in server.sent}


def stores():
    return {name for name in CONFIGS if is_store(store_folder(name))}


def store(name, served):
    convert_file(served / f"{name}.h5", store_folder(name), name)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("cut", ["block5_conv3", ["block4_conv1", "block5_pool"]], ids=str)
def test_a_cut_before_the_dense_layers_fetches_the_convolutions(server, tree, name, cut, capsys):
    info, found = load_weights(name, cut)
    assert_equal(found, {layer: tree[layer] for layer in list(tree)[: len(found)]})
    assert names_sent(server) == {"imagenet-notop.h5"}
    assert stores() == {"imagenet-notop"}
    assert (info.name, info.config) == ("imagenet", CONFIGS[name])
    assert info.source == REMOTES["imagenet-notop"].url
    assert capsys.readouterr().err.startswith("Downloading ")
    server.sent.clear()
    load_weights(name, cut)
    assert server.sent == []


def test_flatten_needs_no_dense_layer(server):
    assert load_vgg("imagenet", "flatten").names[-2:] == ("block5_pool", "flatten")
    assert names_sent(server) == {"imagenet-notop.h5"}


@pytest.mark.parametrize("cut", ["fc1", "fc2", "predictions", None])
def test_a_dense_layer_fetches_the_whole(server, tree, cut):
    assert_equal(
        load_weights("imagenet", cut).params,
        {layer: tree[layer] for layer in list(tree)[: {"fc1": 14, "fc2": 15}.get(cut, 16)]},
    )
    assert names_sent(server) == {"imagenet.h5"}
    server.sent.clear()
    load_weights("imagenet", "block5_conv3")
    assert load_weights("imagenet-notop").info.config == CONFIGS["imagenet-notop"]
    assert server.sent == [], "the whole has the convolutions, too"


def test_the_dense_layers_later(server, tree):
    load_weights("imagenet", "block5_pool")
    assert_equal(load_weights("imagenet").params, tree)
    assert [name for name, _ in dict.fromkeys(server.sent)] == ["imagenet-notop.h5", "imagenet.h5"]
    assert stores() == {*CONFIGS}


def test_bytes_sent(server, served):
    """The file itself, and what was asked for to see whether it is there."""
    load_weights("imagenet", "block5_conv3")
    size = (served / "imagenet-notop.h5").stat().st_size
    assert server.sent == [("imagenet-notop.h5", size)] * 2


@pytest.mark.parametrize("here", CONFIGS)
def test_without_top_there_is_no_dense_layer_whatever_is_here(server, served, here):
    store(here, served)
    with pytest.raises(
        LayerError, match="These weights end at block5_pool: take block5_pool or an earlier"
    ):
        load_vgg("imagenet-notop", "fc2")
    assert load_vgg("imagenet-notop").names[-1] == "block5_pool"
    assert server.sent == []


def test_a_wrong_layer_shows_before_a_download(server):
    with pytest.raises(LayerError, match=r"'block5_conv4'; did you mean block5_conv3\?"):
        load_weights("imagenet", ["block1_conv1", "block5_conv4"])
    with pytest.raises(LayerError, match="end at block5_pool"):
        load_weights("imagenet-notop", "fc2")
    assert server.sent == []


@pytest.mark.parametrize("place", ["keras/models", "cache/downloads"])
@pytest.mark.parametrize("file", CONFIGS)
def test_a_file_that_is_here_is_used(server, served, tree, tmp_path, place, file, capsys):
    here = tmp_path / place / f"{file}.h5"
    here.parent.mkdir(parents=True)
    here.write_bytes((served / here.name).read_bytes())
    found = load_weights("imagenet", "block5_conv3").params
    assert_equal(found, {layer: tree[layer] for layer in list(tree)[:13]})
    assert server.sent == []
    assert capsys.readouterr().err == f"Reading {here}, so nothing is downloaded\n"
    assert here.exists() == (place == "keras/models"), "Keras' own file stays"
    assert stores() == {file}


def test_another_file_under_keras_name_is_not(server, tmp_path):
    other = tmp_path / "keras" / "models" / "imagenet-notop.h5"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"half a download")
    load_weights("imagenet", "block1_conv1")
    assert names_sent(server) == {other.name}
    assert other.read_bytes() == b"half a download"


def test_one_identity_and_one_set_of_features(server, served, tmp_path):
    """By both names, from both files, by path, from a converted store: the same digests."""
    assert weights_identity("imagenet", "block5_conv3") is None, "not fetched yet"
    convert_file(served / "imagenet-notop.h5", tmp_path / "mine", "mine")
    names = ["imagenet", "imagenet-notop", str(tmp_path / "mine")]
    names += [str(served / f"{name}.h5") for name in CONFIGS]
    for here in ("imagenet-notop", "imagenet"):
        store(here, served)
        for cut in CUTS:
            assert len({chain_digest(load_vgg(name, cut)) for name in names}) == 1
            assert len({weights_identity(name, cut) for name in names}) == 1
            assert weights_identity("imagenet", cut) == load_weights("imagenet", cut).hash
    assert weights_identity("imagenet", "fc2") == weights_identity(names[-2], "fc2")
    assert title_of("imagenet-notop") == title_of("imagenet") == "imagenet"


def test_identity_of_dense_layers_that_are_not_here(server, served):
    store("imagenet-notop", served)
    assert weights_identity("imagenet", "block5_pool")
    assert weights_identity("imagenet", "fc1") is None
    with pytest.raises(LayerError, match="end at block5_pool"):
        weights_identity("imagenet-notop", "fc1")
    assert server.sent == []


@pytest.mark.parametrize(
    ("trained_on", "here"), [(name, here) for name in CONFIGS for here in CONFIGS]
)
def test_a_classifier_loads_from_either(server, served, tmp_path, trained_on, here):
    layer = "block5_conv3"
    backbone = load_vgg(str(served / f"{trained_on}.h5"), layer)
    classifier = Classifier(backbone, softmax_head((14, 14, 8), 2), ("a", "b"), weights=trained_on)
    classifier.save(tmp_path / "saved")
    store(here, served)
    loaded = Classifier.load(tmp_path / "saved")
    assert chain_digest(loaded.backbone) == chain_digest(backbone)
    assert server.sent == []


def test_a_transfer_that_breaks_off(server, tmp_path):
    server.broken.add("imagenet-notop.h5")
    with pytest.raises(WeightsError, match=r"imagenet could not be fetched: .*try again"):
        load_weights("imagenet", "block5_conv3")
    assert names_in(tmp_path / "cache") == ["imagenet-notop.h5.part"]
    server.broken.clear()
    load_weights("imagenet", "block5_conv3")
    assert not any("imagenet-notop.h5" in name for name in names_in(tmp_path / "cache"))


def names_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["flip", "cut", "no description", "no folder"])
def test_a_damaged_store_in_the_cache_is_made_anew(server, tree, damage, capsys):
    load_weights("imagenet", "block5_conv3")
    folder = store_folder("imagenet-notop")
    largest = max(folder.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    content = largest.read_bytes()
    if damage == "flip":
        largest.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif damage == "cut":
        largest.write_bytes(content[:500])
    elif damage == "no description":
        (folder / "info" / "metadata").write_text("{")
    else:
        shutil.rmtree(folder / "info")
    server.sent.clear()
    capsys.readouterr()
    if damage.startswith("no"):
        assert weights_identity("imagenet", "block5_conv3") is None, "it has to be fetched"
    found = load_weights("imagenet", "block5_conv3").params
    assert_equal(found, {layer: tree[layer] for layer in list(tree)[:13]})
    assert names_sent(server) == {"imagenet-notop.h5"}
    assert str(folder) in capsys.readouterr().err
    verify(folder)
    server.sent.clear()
    load_weights("imagenet", "block5_conv3")
    assert (server.sent, capsys.readouterr().err) == ([], "")


@pytest.mark.usefixtures("no_network")
def test_a_damaged_store_stays_if_it_cannot_be_made_anew(server, served):
    store("imagenet-notop", served)
    (store_folder("imagenet-notop") / "info" / "metadata").write_text("{")
    with pytest.raises(WeightsError, match="could not be fetched"):
        load_weights("imagenet", "block5_conv3")
    assert stores() == {"imagenet-notop"}


def test_what_cannot_be_read_is_not_taken_for_damaged(server, served, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    store("imagenet-notop", served)
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(WeightsError, match=r"notop cannot be read \(Permission denied\)"):
        load_weights("imagenet", "block5_conv3")
    assert server.sent == []


def test_what_a_killed_process_left_beside_the_store_goes(server, served, tmp_path):
    store("imagenet-notop", served)
    downloads = tmp_path / "cache" / "downloads"
    downloads.mkdir()
    name = "imagenet-notop.h5"
    (downloads / name).write_bytes((served / name).read_bytes())
    (downloads / f"{name}.part").touch()
    load_weights("imagenet", "block1_conv1")
    assert list(downloads.iterdir()) == []
    (downloads / name).write_text("put there by hand")
    load_weights("imagenet", "block1_conv1")
    assert names_in(downloads) == [name]


LOADS = """
import json, sys
from vggjax.weights import remote
from vggjax.weights.sources import load_weights
url, size, known_hash, config = json.loads(sys.argv[1])
remote.REMOTES["imagenet-notop"] = remote.Remote(
    url, size, known_hash, remote.VGGConfig.from_json(config)
)
print(load_weights("imagenet-notop").hash)
"""


def loading(name="imagenet-notop"):
    remote = REMOTES[name]
    about = [remote.url, remote.size, remote.known_hash, remote.config.to_json()]
    command = [sys.executable, "-c", LOADS, json.dumps(about)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_two_processes_one_downloads_and_converts(server, tmp_path):
    programs = [loading(), loading()]
    texts = [program.communicate() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], texts
    assert texts[0][0] == texts[1][0] == f"{load_weights('imagenet-notop').hash}\n"
    assert len(server.sent) == 2, "asked for once, and fetched once"
    left = [path.name for path in (tmp_path / "cache").rglob(".*")]
    assert left == []


@pytest.mark.usefixtures("no_network")
def test_out_of_reach(server, served, tmp_path):
    assert not obtainable("imagenet", "block5_pool")
    with pytest.raises(WeightsError, match=r"imagenet could .*notop.h5 cannot be reached; .* PATH"):
        load_weights("imagenet", "block5_pool")
    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    (models / "imagenet-notop.h5").write_bytes((served / "imagenet-notop.h5").read_bytes())
    assert obtainable("imagenet", "block5_pool")
    assert not obtainable("imagenet", "fc1")
    store("imagenet-notop", served)
    (models / "imagenet-notop.h5").unlink()
    assert obtainable("imagenet", "block5_pool")


def test_within_reach(server):
    assert obtainable("imagenet", "block5_pool")
    assert obtainable("imagenet", "fc1")
    assert stores() == set()


def test_wrong_checksum(server, monkeypatch, tmp_path):
    wrong = replace(REMOTES["imagenet"], known_hash="sha256:397923af")
    monkeypatch.setitem(REMOTES, "imagenet", wrong)
    with pytest.raises(WeightsError, match=r"imagenet could not be fetched: .* its sha256 is"):
        load_weights("imagenet")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_torch_shares_nothing(server, served):
    """torchvision's network was trained anew: no other file holds its layers."""
    store("imagenet", served)
    assert stored("imagenet-torch", "block1_conv1") is None
    assert isinstance(stored("imagenet", "block1_conv1"), Path)


@pytest.mark.parametrize("name", ["imagenet", "imagenet-notop", "vgg19", "vgg19-notop"])
def test_addresses_and_checksums_are_keras_own(name):
    from keras.src.applications import vgg16, vgg19

    source = inspect.getsource(vgg19 if "19" in name else vgg16)
    remote = REMOTES[name]
    path, file = remote.url.removeprefix("https://").split("/", 1)[1].rsplit("/", 1)
    assert file in source
    assert all(part in source for part in path.split("/"))
    assert f'"{remote.known_hash.removeprefix("md5:")}"' in source
    assert remote.config.top != ("notop" in name)


def test_vgg19_is_served_by_either_of_its_files():
    assert title_of("vgg19-notop") == "vgg19"
    assert [_holders("vgg19", layer)[0] for layer in ("block5_pool", "fc1")] == [
        *("vgg19-notop", "vgg19"),
    ]
    for name, count in (("vgg11_bn-torch", 8), ("vgg13-torch", 10), ("vgg16_bn-torch", 13)):
        assert sum(REMOTES[name].config.depths) == count
        assert _holders(name, "block1_pool") == [name]
