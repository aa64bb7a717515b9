"""Scores against computations written here: explicit products, no code of the plugin's."""

from __future__ import annotations

import time

import open_clip
import pytest
import torch
from torch.nn import functional

import isptune
from isptune.testing.pictures import picture, spoilt
from isptune_clipiqa import loading, objective

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def batch(height, width):
    return torch.cat([picture(height, width), spoilt(picture(height, width, 1))])


def normalised(images, mean=MEAN, std=STD):
    return torch.stack([(images[:, channel] - mean[channel]) / std[channel] for channel in range(3)], dim=1)


def share_of_the_first(model, features, texts=("Good photo.", "Bad photo.")):
    with torch.no_grad():
        encoded = model.encode_text(open_clip.tokenize(list(texts)))
    features = features / features.norm(dim=-1, keepdim=True)
    encoded = encoded / encoded.norm(dim=-1, keepdim=True)
    good, bad = (model.logit_scale.exp() * features @ encoded.T).unbind(dim=1)
    return good.exp() / (good.exp() + bad.exp())


def resnet_features(visual, images, positions=False):
    maps = images
    for part in (visual.stem, visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        maps = part(maps)
    pool = visual.attnpool
    found = []
    for one in maps:
        channels, height, width = one.shape
        rows = one.reshape(channels, -1).T
        rows = torch.cat([rows.mean(dim=0, keepdim=True), rows])
        if positions:
            side = int((len(pool.positional_embedding) - 1) ** 0.5)
            grid = pool.positional_embedding[1:].T.reshape(1, channels, side, side)
            grid = functional.interpolate(grid, (height, width), mode="bicubic", antialias=True)
            rows = rows + torch.cat([pool.positional_embedding[:1], grid[0].reshape(channels, -1).T])
        size = channels // pool.num_heads
        outputs = []
        for head in range(pool.num_heads):
            part = slice(head * size, (head + 1) * size)
            query = rows[:1] @ pool.q_proj.weight[part].T + pool.q_proj.bias[part]
            keys = rows @ pool.k_proj.weight[part].T + pool.k_proj.bias[part]
            values = rows @ pool.v_proj.weight[part].T + pool.v_proj.bias[part]
            outputs.append(torch.softmax(query @ keys.T / size**0.5, dim=-1) @ values)
        found.append(torch.cat(outputs, dim=1) @ pool.c_proj.weight.T + pool.c_proj.bias)
    return torch.cat(found)


def vit_features(visual, images):
    patch = visual.patch_size[0]
    maps = visual.conv1(images)
    count, channels, height, width = maps.shape
    assert (height, width) == (images.shape[2] // patch, images.shape[3] // patch)
    old = visual.grid_size
    grid = visual.positional_embedding[1:].T.reshape(1, channels, *old)
    grid = functional.interpolate(grid, (height, width), mode="bicubic", antialias=True)
    rows = maps.reshape(count, channels, -1).transpose(1, 2) + grid.reshape(channels, -1).T
    first = (visual.class_embedding + visual.positional_embedding[0]).expand(count, 1, channels)
    rows = visual.ln_pre(torch.cat([first, rows], dim=1))
    for block in visual.transformer.resblocks:
        entering = block.ln_1(rows)
        query, keys, values = (entering @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).chunk(
            3, dim=-1
        )
        size = channels // block.attn.num_heads
        heads = [
            torch.softmax(
                query[..., at : at + size] @ keys[..., at : at + size].transpose(1, 2) / size**0.5, dim=-1
            )
            @ values[..., at : at + size]
            for at in range(0, channels, size)
        ]
        rows = rows + block.attn.out_proj(torch.cat(heads, dim=-1))
        rows = rows + block.mlp(block.ln_2(rows))
    return visual.ln_post(rows)[:, 0] @ visual.proj


def read(folder):
    """The model by open_clip's own function."""
    with loading.undisturbed():
        return open_clip.create_model(f"local-dir:{folder}").eval().requires_grad_(False)


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize(("height", "width"), [(96, 96), (64, 160), (131, 77)])
def test_resnet_on_random_weights(tiny, height, width, positions) -> None:
    folder = tiny("rn50")
    model = read(folder)
    expected = share_of_the_first(
        model, resnet_features(model.visual, normalised(batch(height, width)), positions)
    )
    found = isptune.create_objective("clipiqa", checkpoint=folder, positional_embedding=positions).score(
        batch(height, width)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (64, 104), (24, 24)])
def test_vit_on_random_weights(tiny, height, width) -> None:
    folder = tiny("vit")
    model = read(folder)
    expected = share_of_the_first(model, vit_features(model.visual, normalised(batch(height, width))))
    found = isptune.create_objective("clipiqa", checkpoint=folder).score(batch(height, width))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_vit_cuts_less_than_a_patch_off_the_borders(tiny) -> None:
    scorer = isptune.create_objective("clipiqa", checkpoint=tiny("vit"))
    images = batch(53, 71)  # 5 rows and 7 columns more than whole patches of 8
    torch.testing.assert_close(scorer.score(images), scorer.score(images[:, :, 2:50, 3:67]))


@pytest.mark.parametrize(("kind", "side"), [("rn50", 96), ("vit", 48), ("siglip", 160)])
def test_at_the_training_size_it_is_open_clips_own_model(tiny, kind, side) -> None:
    folder = tiny(kind)
    model = read(folder)
    mean, std = ((0.5,) * 3, (0.5,) * 3) if kind == "siglip" else (MEAN, STD)
    features = model.encode_image(normalised(batch(side, side), mean, std))
    for options in ({}, {"resize": "native"}):
        scorer = isptune.create_objective("clipiqa", checkpoint=folder, positional_embedding=True, **options)
        found = scorer.score(batch(side, side))
        torch.testing.assert_close(found, share_of_the_first(model, features), rtol=1e-5, atol=1e-6)
        # And the bias of SigLIP cancels.
        logits, _ = model.get_logits(
            normalised(batch(side, side), mean, std), open_clip.tokenize(["Good photo.", "Bad photo."])
        )
        torch.testing.assert_close(found, logits.softmax(dim=-1)[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(48, 208), (160, 320)])
def test_siglip_is_timms_own_dynamic_size(tiny, height, width) -> None:
    """timm builds the same tower with its own option for any size; the weights are the checkpoint's."""
    import timm

    folder = tiny("siglip")
    model = read(folder)
    with loading.undisturbed():
        dynamic = timm.create_model("test_vit3", num_classes=0, global_pool="map", dynamic_img_size=True)
    dynamic.load_state_dict(model.visual.trunk.state_dict())
    images = batch(height, width)
    expected = share_of_the_first(model, dynamic.eval()(normalised(images, (0.5,) * 3, (0.5,) * 3)).detach())
    found = isptune.create_objective("clipiqa", checkpoint=folder).score(images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_the_real_resnet_50(monkeypatch) -> None:
    """The whole architecture, with open_clip's initial weights (the residual branches switched on)."""
    with loading.undisturbed():
        torch.manual_seed(0)
        model = open_clip.create_model("RN50-quickgelu", load_weights=False).eval().requires_grad_(False)
    for key, weights in model.visual.named_parameters():
        if key.endswith("bn3.weight"):
            weights.fill_(0.5)
    clip = loading.Clip(model, open_clip.tokenize, True, MEAN, STD)
    monkeypatch.setattr(objective, "load_clip", lambda *given: clip)
    expected = share_of_the_first(model, resnet_features(model.visual, normalised(batch(160, 224))))
    started = time.perf_counter()
    found = isptune.create_objective("clipiqa").score(batch(160, 224))
    assert time.perf_counter() - started < 20
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["rn50", "vit", "siglip"])
def test_one_image_and_sixteen_have_the_same_scores(tiny, kind) -> None:
    scorer = isptune.create_objective("clipiqa", checkpoint=tiny(kind))
    images = torch.cat([picture(72, 88, seed) for seed in range(16)])
    alone = torch.cat([scorer.score(one[None]) for one in images])
    torch.testing.assert_close(scorer.score(images), alone, rtol=1e-5, atol=0)
    assert alone.std() > 1e-4


@pytest.mark.parametrize("kind", ["vit"])
def test_many_tokens_take_another_path_to_the_same_score(tiny, kind) -> None:
    # 3 x 8 = 24 tokens take torch's fused attention, 10 x 16 = 160 not; with gradients neither does.
    scorer = isptune.create_objective("clipiqa", checkpoint=tiny(kind))
    for height, width in ((24, 64), (80, 128)):
        images = batch(height, width)
        with_gradients = scorer.score(images.clone().requires_grad_()).detach()
        torch.testing.assert_close(scorer.score(images), with_gradients, rtol=1e-5, atol=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()
