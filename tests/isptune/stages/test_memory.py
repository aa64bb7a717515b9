"""Memory that is used again: never too early, never too much of it."""

import pytest
import torch

from isptune.stages import memory

# Just worth keeping: 4 MiB of float32.
SHAPE = (1, 1, 1024, 1024)


@pytest.fixture(autouse=True)
def nothing_kept():
    memory.release()
    yield
    memory.release()


def kept_bytes():
    return sum(block.nbytes for block in memory._free)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (1, 3, 1025, 1367), (4194303,), (4194305,)])
def test_room_is_a_contiguous_aligned_tensor(shape, dtype):
    tensor = memory.room(shape, dtype)
    assert tensor.shape == shape
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
    assert not tensor.requires_grad
    assert tensor.data_ptr() % 64 == 0
    tensor.fill_(1)
    assert bool((tensor == 1).all())


def test_memory_of_a_tensor_that_is_gone_is_used_again():
    tensor = memory.room(SHAPE)
    place = tensor.data_ptr()
    del tensor
    assert kept_bytes() == 2**22 + 64
    again = memory.room(SHAPE)
    assert again.data_ptr() == place
    assert kept_bytes() == 0


def test_another_type_of_as_many_bytes_uses_it_again_and_another_size_does_not():
    tensor = memory.room(SHAPE)
    place = tensor.data_ptr()
    del tensor
    larger = memory.room((1, 1, 1024, 1025))
    assert larger.data_ptr() != place
    assert memory.room((1024, 512), torch.float64).data_ptr() == place


@pytest.mark.parametrize(
    "reference",
    [
        lambda tensor: tensor[..., 5:7, 3],
        lambda tensor: tensor.detach(),
        lambda tensor: tensor.view(torch.int32),
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.numpy()[0, 0, 7],
        lambda tensor: tensor.untyped_storage(),
    ],
    ids=["slice", "detached", "other type", "array", "array slice", "storage"],
)
def test_memory_that_is_still_referenced_is_not_used_again(reference):
    tensor = memory.room(SHAPE)
    place = tensor.data_ptr()
    view = reference(tensor)
    del tensor
    assert kept_bytes() == 0
    assert memory.room(SHAPE).data_ptr() != place
    del view
    assert kept_bytes() == 2 * (2**22 + 64)
    assert place in {tensor.data_ptr() for tensor in [memory.room(SHAPE), memory.room(SHAPE)]}


def test_memory_of_a_saved_tensor_is_not_used_again_before_the_backward_pass():
    factor = torch.tensor(2.0, requires_grad=True)
    tensor = memory.room(SHAPE).fill_(3)
    place = tensor.data_ptr()
    result = (tensor * factor).sum()
    del tensor
    other = memory.room(SHAPE).fill_(7)
    assert other.data_ptr() != place
    result.backward()
    assert factor.grad == 3 * 2**20
    assert memory.room(SHAPE).data_ptr() == place


def test_two_tensors_at_a_time_have_memory_of_their_own():
    first, second = memory.room(SHAPE).fill_(1), memory.room(SHAPE).fill_(2)
    assert bool((first == 1).all())
    assert bool((second == 2).all())


def test_small_tensors_are_not_kept():
    tensor = memory.room((1, 1, 1024, 1023))
    del tensor
    assert kept_bytes() == 0


def test_no_more_is_kept_than_the_limit(monkeypatch):
    block = 2**22 + 64
    monkeypatch.setattr(memory, "KEPT_BYTES", 2 * block)
    tensors = [memory.room(SHAPE) for _ in range(4)]
    places = [tensor.data_ptr() for tensor in tensors]
    for _ in range(4):
        del tensors[0]
        assert kept_bytes() <= 2 * block
    # The oldest went.
    assert {memory.room(SHAPE).data_ptr(), memory.room(SHAPE).data_ptr()} <= set(places[2:])
    monkeypatch.setattr(memory, "KEPT_BYTES", 2 * block - 1)
    memory.room(SHAPE)
    assert kept_bytes() == block


def test_a_tensor_larger_than_the_limit_is_not_kept(monkeypatch):
    monkeypatch.setattr(memory, "KEPT_BYTES", 2**22)
    tensor = memory.room(SHAPE)
    del tensor
    assert kept_bytes() == 0


def test_release_gives_everything_back():
    tensors = [memory.room(SHAPE) for _ in range(3)]
    del tensors
    assert kept_bytes() == 3 * (2**22 + 64)
    memory.release()
    assert kept_bytes() == 0


def test_release_leaves_tensors_in_use_alone():
    tensor = memory.room(SHAPE).fill_(5)
    memory.release()
    assert bool((tensor == 5).all())
    place = tensor.data_ptr()
    del tensor
    assert memory.room(SHAPE).data_ptr() == place
