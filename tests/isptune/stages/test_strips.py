"""Work in strips and on several threads: the same result, the same modes, and a clean end."""

import itertools
import threading

import pytest
import torch

from isptune.stages import strips
from isptune.testing.pictures import picture
from isptune_synthetic.stages import brighten, gaussian_blur, high_sharpen


@pytest.fixture
def eager(monkeypatch):
    """Start threads for any amount of work."""
    monkeypatch.setattr(strips, "_WORTH_A_THREAD", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)


@pytest.mark.parametrize("function", [brighten, gaussian_blur, high_sharpen])
def test_threads_change_no_bit(function, monkeypatch):
    images, level = picture(120, 160).repeat(4, 1, 1, 1), torch.tensor([0.3, 0.0, 0.9, 1.0])
    monkeypatch.setattr(strips, "NUMBERS", 1600)
    alone = function(images, level)
    monkeypatch.setattr(strips, "_WORTH_A_THREAD", 0)
    for count in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        assert torch.equal(function(images, level), alone)


def test_all_tasks_are_done_once_on_several_threads(eager):
    done, threads, both = [], set(), threading.Barrier(2, timeout=30)

    def work(number):
        threads.add(threading.get_ident())
        if number < 2:
            both.wait()
        done.append(number)

    strips.each(work, [(number,) for number in range(40)], 1)
    assert sorted(done) == list(range(40))
    assert len(threads) >= 2


def test_little_work_starts_no_thread():
    threads = set()
    strips.each(lambda number: threads.add(threading.get_ident()), [(number,) for number in range(9)], 1000)
    assert threads == {threading.get_ident()}


def test_modes_of_the_calling_thread_hold_in_the_others(eager):
    seen, both = [], threading.Barrier(2, timeout=30)

    def work(number):
        both.wait()
        seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

    strips.each(work, [(0,), (1,)], 1)
    with torch.inference_mode():
        strips.each(work, [(0,), (1,)], 1)
    assert seen == [(False, False)] * 2 + [(False, True)] * 2
    assert torch.is_grad_enabled()


def test_images_that_could_record_are_rendered_under_no_grad(eager):
    images = picture(64, 80).requires_grad_(True)
    with torch.no_grad():
        assert not brighten(images, torch.tensor([0.4])).requires_grad
    with torch.inference_mode():
        assert brighten(images.detach(), torch.tensor([0.4])).is_inference()


def test_an_error_in_a_thread_is_raised_and_ends_the_work(eager):
    started = []

    def work(number):
        started.append(number)
        if number == 3:
            raise ZeroDivisionError("in strip 3")

    with pytest.raises(ZeroDivisionError, match="in strip 3"):
        strips.each(work, [(number,) for number in range(10000)], 1)
    assert threading.active_count() < 20


def test_an_interrupt_ends_the_work(eager):
    started = []

    def work(number):
        started.append(number)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        strips.each(work, [(number,) for number in range(1_000_000)], 1)
    assert len(started) < 1_000_000


@pytest.mark.parametrize("pixels", [1, 15, 16, 100, 32640, 32641, 98304, 1000003])
def test_strips_cover_every_pixel_once(pixels):
    parts = strips._strips(pixels, 32640)
    assert parts[0].start == 0
    assert parts[-1].stop == pixels
    assert all(left.stop == right.start for left, right in itertools.pairwise(parts))
    assert max(part.stop - part.start for part in parts) <= 32640


def test_an_empty_batch_stays_empty():
    for function in (brighten, gaussian_blur, high_sharpen):
        assert function(torch.empty(0, 3, 32, 32), torch.empty(0)).shape == (0, 3, 32, 32)
