"""F1 scores of two sides over the seeds, as cases of a benchmark."""

import statistics

import report

TOLERANCE = 0.005  # of F1, by which the means may differ whatever their standard error
Scores = dict[str, float]  # micro and macro F1


def compare_f1(title: str, ours: list[Scores], peer: list[Scores], name: str) -> list[report.Case]:
    """Compare means over the seeds.

    The note says MISS where ours is lower by more than TOLERANCE and by more than two standard errors of the difference.
    """
    cases = []
    for average in ("micro", "macro"):
        differences = [a[average] - b[average] for a, b in zip(ours, peer, strict=True)]
        has_error = len(differences) > 1
        error = 2 * statistics.stdev(differences) / len(differences) ** 0.5 if has_error else 0.0
        mean, allowed = statistics.fmean(differences), max(TOLERANCE, error)
        verdict = "pass" if mean >= -allowed else "MISS"
        error_text = f"2 SE {error:.4f}" if has_error else "one seed"
        note = f"{name}; {verdict}: {mean:+.4f} ({error_text}, allowed {-allowed:.4f})"
        our_mean, peer_mean = (statistics.fmean(scores[average] for scores in side) for side in (ours, peer))
        unit = f"{average}-F1"
        cases.append(report.Case(f"{title}, {unit}", our_mean, peer_mean, note, unit, None, None))
    return cases
