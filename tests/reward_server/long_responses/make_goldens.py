"""Writes goldens.jsonl: long chains of thought, and what Math-Verify 0.9.0 makes of them.

  scripts/python-env .venv-reward tests/benchmarks/reward/requirements.txt without-torch
  .venv-reward/bin/python tests/reward_server/long_responses/make_goldens.py

A response is stored as parts, [text, times] each, of which it is the concatenation; the test writes it out again. Where the
reward server decides otherwise on purpose, `differs` says why."""

import json
import logging
import pathlib

from math_verify import parse, verify

CHARACTERS = 30_000  # About 8192 tokens.

PROSE = "Let me look at the next case again, and count what is left over. Wait, I should double check that first step. "
MATH = "Since $a_{3} = 21$ and $b = \\frac{7}{4}$, the sum grows by 13 in this step, so we write $S_n = 4n + 1$.\n"
DISPLAY = "Thus we get\n\\[\n x^2 - 5x + 6 = (x-2)(x-3)\n\\]\nand $$\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$$ as before.\n"
CHINESE = "我们先考虑第一种情况，然后计算总数。因此一共有 12 种方法——对吗？🤔 Let’s see: 3 × 4 ≤ 20 … "
CODE = "```python\ntotal = 0\nfor k in range(1, 10):\n    total += k**2  # 285 in the end\nprint(total)\n```\n"
MONEY = "It costs $5 for each of them, and $18.90 for all, which leaves $3.50 in the purse.\n"
TABLE = "| n | f(n) |\n|---|---|\n| 1 | 3 |\n| 2 | 8 |\n"
BOXES = "That would give \\boxed{%d}, but the condition on the digits rules it out, as we have seen in the case above. "
OPEN = "So far \\boxed{4 is a guess that I never finished, and go on with the remaining cases one by one from here on. "


def filled(text, before="", after=""):
    """[before, text as often as needed, after]: about CHARACTERS in all."""
    return [part for part in ([before, 1], [text, CHARACTERS // len(text)], [after, 1]) if part[0]]


END = "Therefore the answer is $\\boxed{42}$."
CASES = [
    ("box_at_the_end_of_prose", "42", filled(PROSE, after=END)),
    ("box_at_the_end_of_mathematics", "42", filled(MATH, after=END)),
    ("box_at_the_end_of_displays", "42", filled(DISPLAY, after=END)),
    ("box_at_the_end_of_chinese", "42", filled(CHINESE, after="所以答案是 $\\boxed{42}$。")),
    ("box_at_the_end_of_code", "42", filled(CODE, after=END)),
    ("box_behind_amounts_of_money", "42", filled(MONEY, after=END)),
    ("box_behind_tables", "42", filled(TABLE, after="\nSo **Final Answer**\n\\[\n\\boxed{42}\n\\]\n")),
    ("boxes_throughout", "42", filled(BOXES % 7, after=END)),
    ("wrong_box_at_the_end", "7", filled(BOXES % 7, after=END)),
    ("the_same_box_throughout", "42", filled("Again it is $\\boxed{42}$, the same as in every other way of counting that we tried. ")),
    ("box_at_the_start_only", "42", filled(PROSE, before=END + "\n")),
    ("box_at_the_start_and_numbers_behind", "42", filled(MATH, before=END + "\n")),
    ("box_in_the_middle", "42", filled(PROSE)[:1] + [[END + "\n", 1]] + filled(PROSE)),
    ("thinking_then_answer", "42", filled(PROSE, "<think>\nMaybe \\boxed{41}? ", "\n</think>\n\n" + END)),
    ("answer_in_the_thinking_only", "42", filled(PROSE, "<think>\nIt is \\boxed{42}. ", "\n</think>\n\nI have found the answer above.")),
    ("thinking_that_does_not_end", "42", filled(PROSE, "<think>\nFirst guess: \\boxed{42}. ")),
    ("answers_in_both_disagree", "41", filled(PROSE, "<think>\nIt is \\boxed{41}. ", "\n</think>\n\n" + END)),
    ("empty_thinking", "42", filled(PROSE, "<think>\n\n</think>\n\n", END)),
    ("final_answer_in_words", "42", filled(PROSE, after="\n\nThe final answer is 42.")),
    ("final_answer_in_words_with_mathematics", "\\frac{3}{4}", filled(MATH, after="\n\nThe final answer is $\\frac{3}{4}$. I hope it is correct.")),
    ("answer_with_a_colon", "42", filled(PROSE, after="\n\n**Answer:** 42")),
    ("answer_with_a_colon_among_numbers", "42", filled(MATH, after="\nAnswer: $42$\n")),
    ("answers_throughout", "42", filled("Then the answer would be 17, but no. ", after="So the answer is 42.")),
    ("last_display", "x = 42", filled(PROSE, after="Hence\n\\[\nx = 42\n\\]\n")),
    ("last_number_in_prose", "42", filled(PROSE, after="Hence there are 42 of them.")),
    ("no_answer_at_all", "42", filled(PROSE)),
    ("cut_in_the_last_box", "42", filled(PROSE, after="Therefore the answer is $\\boxed{42")),
    ("cut_in_a_fraction_in_the_last_box", "\\frac{3}{4}", filled(PROSE, after="So it is $\\boxed{\\frac{3}{")),
    ("cut_behind_a_box", "42", filled(PROSE, after="So \\boxed{42} is it, because $\\frac{1}{")),
    ("cut_in_the_word_boxed", "42", filled(PROSE, after="Therefore the answer is $\\box")),
    ("cut_in_a_character", "42", filled(PROSE, after=END + " 所以\ufffd")),
    ("unclosed_box_before_the_last", "42", filled(PROSE, before=OPEN, after=END)),
    ("unclosed_boxes_throughout", "42", filled(OPEN, after=END)),
    ("unclosed_box_only", "42", filled(PROSE, after="It must be \\boxed{42")),
    ("box_with_nested_braces", "\\frac{\\sqrt{3}}{2}", filled(MATH, after="So \\boxed{\\frac{\\sqrt{3}}{2}}.")),
    ("box_in_code_before_the_answer", "42", filled(PROSE, "```latex\n\\boxed{13}\n```\n", END)),
    ("code_behind_the_answer", "42", filled(PROSE, after=END + "\n```python\nassert f(6) == 720\n```\n")),
    ("two_boxes_are_a_list", "1,2", filled(PROSE, after="Hence $x = \\boxed{1}$ or $x = \\boxed{2}$.")),
    ("list_in_one_box", "\\{1,2\\}", filled(MATH, after="The solutions are \\boxed{1, 2}.")),
    ("interval_in_a_box", "(-\\infty, 3]", filled(MATH, after="It holds for $\\boxed{(-\\infty, 3]}$.")),
    ("tuple_in_a_box", "(1, 2)", filled(MATH, after="The point is $\\boxed{(1,2)}$.")),
    ("carriage_returns", "42", filled("We go on with it.\r\n", after="\r\nThe answer is \\boxed{42}.\r\n")),
    ("blank_lines", "42", filled("\n", after=END)),
    ("dollar_without_partner", "42", filled(PROSE, before="I paid $5 for it. ", after=END)),
    ("many_dollars_without_partner", "42", filled("$ and on ", after=END)),
    ("emoji", "42", filled("Great 🎉🎉 ", after=END)),
    ("repetition_until_the_limit", "42", filled("wait, ", before="I think that it is \\boxed{42}. ")),
]

# Decided otherwise on purpose.
DIFFERS = {
    "cut_in_the_last_box": "an unclosed last box runs to the end",
    "unclosed_box_only": "an unclosed last box runs to the end",
}


def main():
    logging.disable(logging.CRITICAL)
    path = pathlib.Path(__file__).with_name("goldens.jsonl")
    with open(path, "w") as output:
        for name, gold, parts in CASES:
            text = "".join(part * times for part, times in parts)
            answer = parse(text, parsing_timeout=None)
            equal = verify(parse(f"${gold}$", parsing_timeout=None), answer, timeout_seconds=None)
            found = answer[1] if len(answer) > 1 and isinstance(answer[1], str) else ""
            row = {"name": name, "gold": gold, "parts": parts, "equal": bool(equal), "answer": found}
            if name in DIFFERS:
                row["differs"] = DIFFERS[name]
            output.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
