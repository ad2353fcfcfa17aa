"""A guess at a password takes as long for a person who exists as for one who does not."""

import statistics
import time

from tests.tracker.accounts.test_sign_in import sign_in


def test_the_time_of_a_refusal_does_not_tell_who_exists(client, salesperson, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    salesperson.set_password("the one that counts")
    salesperson.save()
    settings.AXES_ENABLED = False  # the lock would end the measuring at the eleventh
    spent: dict[str, list[float]] = {salesperson.email: [], "nobody@acme.example": []}
    sign_in(client, salesperson.email, "warm")

    for n in range(5):
        for email, times in spent.items():
            # Work of this thread, not the clock: the machine may be busy with other things.
            began = time.thread_time()
            assert sign_in(client, email, f"wrong {n}").status_code == 200
            times.append(time.thread_time() - began)

    known, unknown = (statistics.median(times) for times in spent.values())
    print(f"known {known * 1000:.0f} ms, unknown {unknown * 1000:.0f} ms")
    assert known > 0.02
    assert abs(known - unknown) < 0.05
