def typos(typed: str, word: str, *, most: int) -> int:
    """How many mistakes make what was `typed` out of `word` or of what it begins with; `most + 1` for more.

    A mistake is a letter that is wrong, missing, too many, or changed with its neighbour.
    """
    before_last: list[int] = []
    last = list(range(len(word) + 1))
    for row, letter in enumerate(typed, start=1):
        now = [row]
        for column, other in enumerate(word, start=1):
            cheapest = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == word[column - 2] and typed[row - 2] == other:
                cheapest = min(cheapest, before_last[column - 2] + 1)
            now.append(cheapest)
        # nothing that follows makes it cheaper
        if min(now) > most:
            return most + 1
        before_last, last = last, now
    return min(*last, most + 1)
