"""One run a scenario whoever asks, in processes that may be killed; a bounded queue."""

import os
import signal
import threading
import time

import pytest

from remission.page.export import to_its_end
from remission.page.jobs import ANEW_SECONDS, ATTEMPTS, Full, Pool
from remission.page.scenario import Scenario
from remission.page.store import Store

LONG_SECONDS = 300  # more than any of this takes on a slow machine


def scenario(seed=1, patients=40):
    return Scenario.read("icicle-maintenance", {"seed": str(seed), "patients": str(patients)})


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    made = Pool(Store(tmp_path_factory.mktemp("results")), workers=1)
    yield made
    made.close()


def kill_while_playing(pool, job):
    """Kill the worker as soon as it has taken the run up."""
    deadline = time.monotonic() + LONG_SECONDS
    attempts = job.attempts
    while job.state != "playing" or job.attempts == attempts and attempts:
        assert time.monotonic() < deadline and not job.over
        time.sleep(0.005)
    os.kill(pool._processes[0].pid, signal.SIGKILL)


def test_a_scenario_is_played_once_whoever_asks_and_then_kept(pool):
    asked = scenario()
    jobs = []
    askers = [threading.Thread(target=lambda: jobs.append(pool.ask(asked))) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len({id(job) for job in jobs}) == 1
    assert pool.wait(jobs[0], LONG_SECONDS)
    assert jobs[0].state == "done" and jobs[0].attempts == 1
    assert jobs[0].summary.patients == 40 and jobs[0].summary.scenario == asked
    kept = Store(pool.store.folder).find(asked)
    assert kept is not None and kept.bands.equals(jobs[0].summary.bands)


def test_results_grow_and_the_first_patients_stay_who_they_are(pool):
    async def seen():
        return [results async for results in pool.follow(scenario(seed=2, patients=1500), LONG_SECONDS)]

    told = to_its_end(seen())
    played = [results.played for results in told]
    assert played == sorted(played) and told[-1].done and played[-1] == 1500
    pictures = [results.summary for results in told if results.summary is not None]  # how many depends on the machine
    assert all(each.lives.equals(pictures[-1].lives) for each in pictures)


def test_a_killed_worker_is_replaced_and_the_run_done_again(pool):
    job = pool.ask(scenario(seed=3, patients=700))
    kill_while_playing(pool, job)
    assert pool.wait(job, LONG_SECONDS)
    assert job.state == "done" and job.attempts == 2 and job.summary.patients == 700


def test_a_run_that_loses_its_worker_again_and_again_says_so_and_can_be_asked_for_anew(pool):
    asked = scenario(seed=4, patients=3000)
    job = pool.ask(asked)
    for _ in range(ATTEMPTS):
        kill_while_playing(pool, job)
    assert pool.wait(job, LONG_SECONDS)
    assert job.state == "failed" and "lost" in job.error
    assert pool.results(asked, begin=False).error == job.error
    assert pool.ask(asked) is job, "a page that is loaded again and again does not begin it again and again"
    job.ended -= ANEW_SECONDS
    assert pool.ask(asked) is not job


def test_a_full_queue_says_when_to_come_back(tmp_path):
    full = Pool(Store(tmp_path), workers=1, waiting=2)
    full._start = lambda: None  # nobody plays
    jobs = [full.ask(scenario(seed=seed)) for seed in (1, 2)]
    assert full.ask(scenario(seed=1)) is jobs[0], "who asks for a run that waits takes no place"
    with pytest.raises(Full) as told:
        full.ask(scenario(seed=3))
    assert told.value.status_code == 429 and int(told.value.headers["Retry-After"]) >= 1
    assert full.place(jobs[1]) == 1 and full.results(scenario(seed=2)).waiting == 1
    full.close()
    assert {job.state for job in jobs} == {"failed"}


def test_without_workers_nothing_is_played(tmp_path):
    results = Pool(Store(tmp_path), workers=0).results(scenario())
    assert results.summary is None and results.played == 0 and not results.over


def test_where_no_process_can_be_started_a_run_fails_and_the_next_one_is_played(tmp_path, monkeypatch):
    def nothing(*of, **more):
        raise OSError(11, "Resource temporarily unavailable")

    pool = Pool(Store(tmp_path), workers=1)
    with monkeypatch.context() as full:
        full.setattr("remission.page.jobs.subprocess.Popen", nothing)
        job = pool.ask(scenario(seed=5, patients=8))
        assert pool.wait(job, LONG_SECONDS) and job.state == "failed"
    after = pool.ask(scenario(seed=6, patients=8))
    assert pool.wait(after, LONG_SECONDS) and after.state == "done", "the thread that starts workers goes on"
    pool.close()
