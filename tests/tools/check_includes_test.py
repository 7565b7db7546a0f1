"""check_includes.py finds each kind of breach in a made-up tree, and nothing in a clean one."""
import pathlib
import tempfile
import unittest

import check_includes

CLEAN = {
    "proto/prompt.proto": "",
    "services/base/retry.h": "#include <string>\n",
    "services/prompts/prompt_source.h": '#include "proto/prompt.pb.h"\n',
    "services/prompts/prompt_client.h": '#include "proto/prompt.grpc.pb.h"\n#include "services/prompts/prompt_source.h"\n',
    "services/rpc/server.h": "#include <grpcpp/grpcpp.h>\n",
    "model/torch.h": "#include <torch/torch.h>\n",
    "model/weights.h": '#include "model/torch.h"\n',
    "reward_server/verifier.h": '#include "services/base/retry.h"\n',
    "learner/loop.h": '#include "model/weights.h"\n#include "services/prompts/prompt_source.h"\n',
    "rollout_worker/engine.h": '#include "model/weights.h"\n',
    "rollout_worker/main.cc": '#include "services/prompts/prompt_client.h"\n#include "services/rpc/server.h"\n',
    "cli/train.cc": '#include "learner/loop.h"\n#include "services/prompts/prompt_client.h"\n',
}


def breaches_of(changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**CLEAN, **changes}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(check_includes.Tree(root).breaches())


class CheckIncludesTest(unittest.TestCase):
    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(breaches_of({}), [])

    def assert_breach(self, path, text, *words):
        breaches = breaches_of({path: text})
        self.assertEqual(len(breaches), 1, breaches)
        for word in (path + ":", *words):
            self.assertIn(word, breaches[0])

    def test_processes_do_not_include_one_another(self):
        self.assert_breach("learner/x.cc", '\n#include "rollout_worker/engine.h"\n', "x.cc:2:", "rollout_worker/engine.h")
        self.assert_breach("rollout_worker/x.cc", '#include "reward_server/verifier.h"\n', "reward_server/verifier.h")
        self.assert_breach("reward_server/main.cc", '#include "learner/loop.h"\n', "learner/loop.h")

    def test_a_core_sees_no_grpc(self):
        self.assert_breach("learner/x.cc", "#include <grpcpp/grpcpp.h>\n", "gRPC")
        self.assert_breach("learner/x.cc", '#include "proto/prompt.grpc.pb.h"\n', "gRPC")
        self.assert_breach("learner/x.cc", '#include "services/prompts/prompt_client.h"\n', "gRPC")

    def test_a_core_sees_no_grpc_through_another_header_either(self):
        changes = {"services/prompts/rotation.h": "#include <grpcpp/channel.h>\n",
                   "learner/x.cc": '#include "services/prompts/rotation.h"\n'}
        self.assertIn("services/prompts/rotation.h -> grpcpp/channel.h", breaches_of(changes)[0])

    def test_only_main_and_cli_see_the_runtime(self):
        self.assert_breach("rollout_worker/x.cc", '#include "services/rpc/server.h"\n', "services/rpc/server.h")

    def test_base_sees_neither_grpc_nor_torch(self):
        self.assert_breach("services/base/x.h", "#include <grpcpp/grpcpp.h>\n", "gRPC")
        self.assert_breach("services/base/x.h", "#include <c10/util/Exception.h>\n", "LibTorch")

    def test_the_reward_server_and_the_hops_see_no_torch(self):
        self.assert_breach("reward_server/x.h", "#include <ATen/ATen.h>\n", "LibTorch")
        self.assert_breach("services/prompts/x.h", '#include "model/weights.h"\n', "model/weights.h")

    def test_the_model_knows_no_process_and_no_hop(self):
        self.assert_breach("model/x.h", '#include "learner/loop.h"\n', "learner/loop.h")
        self.assert_breach("model/x.h", '#include "services/prompts/prompt_source.h"\n', "prompt_source.h")

    def test_torch_comes_through_its_door(self):
        self.assert_breach("learner/x.cc", "#include <torch/torch.h>\n", "model/torch.h")


if __name__ == "__main__":
    unittest.main()
