"""Token ids and decoded text against the tokenizers package: benchmark problems, hostile Unicode, random code points."""

import random
import shutil
import tempfile
import unittest
from pathlib import Path

from tokenizers import Tokenizer

from reference import FALLBACK_TEXTS, LLAMA3_SPLIT, QWEN2_SPLIT, SHARED, benchmark_texts, probe, train_tokenizer

HOSTILE = [
    "", " ", "  ", "\n", "\r\n\r\n", "\t \n ", " \u00a0 \u2003 \u3000 \u1680 ", "a\u0085b\u2028c\u2029d", "\x00", "a\x00b\x01\x1f\x7f",
    "\ufeffBOM", "x\u200by\u200cz\u200dw\u2060", "e\u0301 vs \u00e9", "\u1112\u1161\u11ab \ud55c", "A\u030a \u212b \u00c5",
    "a" + "\u0301" * 40, "\u0301\u0302 starts with marks", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\u0661\u0662\u0663 \uff11\uff12\uff13 \u00b2\u00b3 \u2160\u2161 \u00bd \u0be7\u0be8", "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202e\u202dmixed",
    "\u4e2d\u6587\u6ca1\u6709\u7a7a\u683c\uff0c\u3002 \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4", "\ufdd0\ufffe\uffff\U0010ffff", "\ue000\uf8ff\U000f0000", "\ufffd\ufffd",
    "'S 'T 'RE 'VE 'M 'LL 'D 's 't 'll", "it'\u017f I\u2019m \u212a'\u017f", "\u0130stanbul \u0131 \u00df \u1e9e \ufb01 \ufb03",
    "<|im_start|>user\nhi<|im_end|>", "<|im_", "<|im_start|", "<|endoftext|><|endoftext|>", " <|im_end|> ", "<|IM_END|>",
    "1234567890" * 20, "-" * 300, " " * 257 + "x", "\n" * 100, "a" * 2000, "\u00e4" * 500, "\U0001f600" * 200, "x \r y \r\n z",
    "\\boxed{\\frac{1}{2}} $x_{i}^{2}$ \\text{ }", "def f(x):\n\treturn x**2  # \u221a", "\u0e01\u0e33\u0e25\u0e31\u0e07 \u0928\u092e\u0938\u094d\u0924\u0947 \u1000\u103b",
    "\u1d400\u1d7d8 \U0001d400\U0001d7d8", "\u034f\u115f\u1160\u17b4\u3164\uffa0", "q\u0323\u0307 q\u0307\u0323", "\u0344 \u0958 \u2adc \ufb1d",
]
BROKEN_BYTES = [b"\xff", b"ok \xc3", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80",
                b"a\x80b\x81\x82c", bytes(range(128, 256)), b"\xf0\x90\x28\xbc tail"]


def random_texts(count, seed):
    generator = random.Random(seed)
    ranges = [(0, 0x7f), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x1fff), (0x2000, 0x2fff), (0x3000, 0xd7ff),
              (0xe000, 0xffff), (0x10000, 0x1ffff), (0xe0000, 0xe01ef)]
    for _ in range(count):
        yield "".join(chr(generator.randint(*generator.choice(ranges))) for _ in range(generator.randint(1, 40)))


class TokenizerParityTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.corpus = benchmark_texts()
        self.texts = (self.corpus or FALLBACK_TEXTS) + HOSTILE + list(random_texts(1000, 5))

    def check(self, tokenizer_file):
        if tokenizer_file != self.folder / "tokenizer.json":
            shutil.copy(tokenizer_file, self.folder / "tokenizer.json")
        reference = Tokenizer.from_file(str(tokenizer_file))
        self.check_encode(reference)
        self.check_decode(reference)

    def check_encode(self, reference):
        requests = [{"op": "encode", "text": text, "special": special} for text in self.texts for special in (False, True)]
        for request, answer in zip(requests, probe(self.folder, requests)):
            expected = reference.encode(request["text"], add_special_tokens=request["special"]).ids
            self.assertEqual(answer["ids"], expected, ascii(request["text"][:200]))
        requests = [{"op": "encode", "bytes": list(broken), "special": False} for broken in BROKEN_BYTES]
        for broken, answer in zip(BROKEN_BYTES, probe(self.folder, requests)):
            expected = reference.encode(broken.decode("utf-8", errors="replace"), add_special_tokens=False).ids
            self.assertEqual(answer["ids"], expected, broken)

    def check_decode(self, reference):
        generator = random.Random(6)
        size = reference.get_vocab_size()
        id_lists = [[generator.randrange(size + 8) for _ in range(generator.randint(0, 30))] for _ in range(500)]
        id_lists += [reference.encode(text).ids for text in self.texts[-1200:]]
        requests = [{"op": "decode", "ids": ids, "special": special} for ids in id_lists for special in (False, True)]
        for request, answer in zip(requests, probe(self.folder, requests)):
            expected = reference.decode(request["ids"], skip_special_tokens=not request["special"])
            self.assertEqual(answer["text"], expected, request["ids"])

    def test_qwen2_tokenizer_agrees(self):
        train_tokenizer(QWEN2_SPLIT, self.texts[:4000]).save(str(self.folder / "tokenizer.json"))
        self.check(self.folder / "tokenizer.json")

    def test_tokenizer_that_adds_a_first_token_agrees(self):
        train_tokenizer(LLAMA3_SPLIT, self.texts[:1000], bos="<|begin|>").save(str(self.folder / "tokenizer.json"))
        self.check(self.folder / "tokenizer.json")

    def test_quick_start_tokenizer_agrees(self):
        path = SHARED / "quickstart" / "ckpt" / "tokenizer.json"
        if not path.exists() and not os.environ.get("MASPO_REQUIRE_SHARED"):
            self.skipTest(f"{path} is not there")
        self.check(path)


if __name__ == "__main__":
    unittest.main()
