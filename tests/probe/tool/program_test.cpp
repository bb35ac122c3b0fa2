// phaseguard-probe as a user meets it, on activations of the lab's theta0 and on files of others.

#include "tests/support/program.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "probe/files/feature_file.h"
#include "tests/support/catch.h"
#include "tests/support/source_dir.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

using test::Done;
using test::Folder;

Done tool(const std::string& arguments) {
  return test::run_program(PHASEGUARD_PROBE " " + arguments);
}

FeatureFile small(double shift, double noise) {
  FeatureFile file;
  file.site = {"tiny", "", "", "block1", "last_prompt", "theta0", 2};
  file.data = "made up";
  for (int i = 0; i < 40; ++i) {
    const double side = i % 2 != 0 ? 1.0 : -1.0, wobble = noise * std::sin(i * 1.7);
    file.x.values.push_back(side + wobble + shift);
    file.x.values.push_back(std::cos(i * 0.9) + shift);
    file.labels.push_back(i % 2);
    file.traits["blunt"].push_back(static_cast<std::int8_t>(i % 2));
  }
  file.x.rows = 40;
  file.x.cols = 2;
  return file;
}

}  // namespace

TEST_CASE("wrong words are usage errors", "[probe][e2e]") {
  for (const char* arguments :
       {"", "nonsense", "fit", "fit a.st", "fit a -o b --calibration magic", "score a", "preflight",
        "preflight a.jsonl --lab mix", "preflight a.jsonl --draws 5", "fit a -o b --trait x",
        "fit a -o b --false-alarm-rate 2"}) {
    INFO(arguments);
    CHECK(tool(arguments).code == 2);
  }
  CHECK(tool("--help").code == 0);
  CHECK_THAT(tool("preflight --help").text(), Catch::Contains("--policy"));
}

TEST_CASE("a row that is no number is named as the file has it", "[probe][e2e][hostile]") {
  const Folder folder;
  FeatureFile bad = small(0.0, 1.2);
  const std::size_t row = GENERATE(0u, 5u, 39u);  // drawn for either side, or not
  bad.x.values[row * 2 + 1] = std::nan("");
  REQUIRE(bad.save(folder / "bad.st"));
  REQUIRE(small(0.0, 1.2).save(folder / "good.st"));
  const std::string said =
      "bad.st: features: row " + std::to_string(row) + ", column 1 (both from 0) is NaN";
  for (const std::string& words :
       {"fit " + (folder / "bad.st"),
        "fit " + (folder / "good.st") + " --held-out " + (folder / "bad.st"),
        "fit " + (folder / "bad.st") + " --directions"}) {
    const Done done = tool(words + " -o " + (folder / "probe.st"));
    INFO(done.text());
    CHECK(done.code == 1);
    CHECK_THAT(done.text(), Catch::Contains(said));
  }
}

TEST_CASE("fit, eval, score and inspect on files of another trainer", "[probe][e2e]") {
  const Folder folder;
  REQUIRE(small(0.0, 1.2).save(folder / "fit.st"));
  const Done fit = tool("fit " + (folder / "fit.st") + " -o " + (folder / "probe.st"));
  INFO(fit.text());
  REQUIRE(fit.code == 0);
  CHECK_THAT(fit.text(), Catch::Contains("converged: largest gradient") &&
                             Catch::Contains("1000 resamples") &&
                             Catch::Contains("threshold: risk >"));
  CHECK_THAT(tool("inspect " + (folder / "probe.st")).text(), Catch::Contains("gradient_max"));

  REQUIRE(small(0.01, 1.1).save(folder / "new.st"));
  const Done eval = tool("eval " + (folder / "probe.st") + " " + (folder / "new.st"));
  INFO(eval.text());
  CHECK(eval.code == 0);
  CHECK_THAT(eval.text(), Catch::Contains("AUROC") && Catch::Contains("false alarms"));

  const auto fitted =
      ActivationProbe::from_file(*tensors::load_safetensors(folder / "probe.st"), "x");
  REQUIRE(fitted);
  FeatureFile bad = small(0.01, 1.1);
  bad.x.values[3] = std::nan("");
  REQUIRE(bad.save(folder / "bad.st"));
  const Done score = tool("score " + (folder / "probe.st") + " " + (folder / "bad.st"));
  CHECK(score.code == 0);
  CHECK_THAT(score.text(), Catch::Contains("     1  BAD") && Catch::Contains("1 BAD;"));
  const Done far = tool("score --max-staleness 2 " + (folder / "probe.st") + " " + [&] {
    REQUIRE(small(50.0, 1.0).save(folder / "far.st"));
    return folder / "far.st";
  }());
  CHECK(far.code == 3);
  CHECK_THAT(far.text(), Catch::Contains("staleness"));

  const Done directions =
      tool("fit --directions " + (folder / "fit.st") + " -o " + (folder / "d.st"));
  CHECK(directions.code == 0);
  const Done drift = tool("score " + (folder / "d.st") + " " + (folder / "new.st") +
                          " --reference " + (folder / "fit.st"));
  INFO(drift.text());
  CHECK(drift.code == 0);
  CHECK_THAT(drift.text(),
             Catch::Contains("drift/blunt") && Catch::Contains("sd of the reference"));
}

TEST_CASE("what cannot be meant is refused in one line", "[probe][e2e][hostile]") {
  const Folder folder;
  REQUIRE(small(0.0, 1.2).save(folder / "fit.st"));
  REQUIRE(tool("fit " + (folder / "fit.st") + " -o " + (folder / "probe.st")).code == 0);
  const auto refused = [&](const std::string& arguments) {
    const Done out = tool(arguments);
    std::string text = out.text();
    INFO(arguments << "\n" << text);
    CHECK(out.code == 1);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    return text;
  };
  const auto scored = [&](auto change) {
    FeatureFile other = small(0.0, 1.0);
    change(other);
    REQUIRE(other.save(folder / "other.st"));
    return refused("score " + (folder / "probe.st") + " " + (folder / "other.st"));
  };
  CHECK_THAT(scored([](FeatureFile& f) { f.site.layer = "block0"; }), Catch::Contains("layer"));
  CHECK_THAT(scored([](FeatureFile& f) { f.site.model_id = "large"; }), Catch::Contains("model"));
  CHECK_THAT(scored([](FeatureFile& f) { f.site.scored = "theta"; }),
             Catch::Contains("scored object"));
  CHECK_THAT(scored([](FeatureFile& f) {
               f.x.cols = 1;
               f.x.rows = 80;
               f.labels.clear();
               f.traits.clear();
             }),
             Catch::Contains("width"));
  FeatureFile nan = small(0.0, 1.0);
  nan.x.values[6] = std::nan("");
  REQUIRE(nan.save(folder / "nan.st"));
  CHECK_THAT(refused("fit " + (folder / "nan.st") + " -o " + (folder / "x.st")),
             Catch::Contains("expected a finite number"));
  FeatureFile one = small(0.0, 1.0);
  one.labels.assign(40, 1);
  REQUIRE(one.save(folder / "one.st"));
  CHECK_THAT(refused("fit " + (folder / "one.st") + " -o " + (folder / "x.st")),
             Catch::Contains("label 0"));
  CHECK_THAT(refused("eval " + (folder / "probe.st") + " " + (folder / "one.st")),
             Catch::Contains("both classes"));
  CHECK_THAT(refused("fit " + (folder / "fit.st") + " --held-out " + (folder / "fit.st") + " -o " +
                     (folder / "x.st")),
             Catch::Contains("held-out data are the fitting data"));
  std::string bytes;
  {
    std::ifstream in(folder / "probe.st", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::ofstream(folder / "cut.st", std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  CHECK_THAT(refused("score " + (folder / "cut.st") + " " + (folder / "fit.st")),
             Catch::Contains("not a valid safetensors file"));
  CHECK_THAT(refused("inspect " + (folder / "cut.st")), Catch::Contains("cut.st"));
  CHECK_THAT(refused("score " + (folder / "no.st") + " " + (folder / "fit.st")),
             Catch::Contains("no.st"));
  CHECK_THAT(refused("preflight " + (folder / "no.jsonl")), Catch::Contains("no.jsonl"));
}

TEST_CASE("pre-flight of samples that another tool scored", "[probe][e2e]") {
  const Folder folder;
  {
    std::ofstream out(folder / "s.jsonl");
    for (int i = 0; i < 50; ++i) {
      out << R"({"id": "s)" << i << R"(", "tokens": 9, "nll": )" << 2.0 + 0.02 * i << R"(, "llr": )"
          << (i < 5 ? 4.0 : -0.5) << R"(, "judge": )" << (i < 5 ? 1.0 : 0.0) << "}\n";
    }
  }
  const std::string policy = test::source_dir() + "/assets/policies/hybrid.toml";
  const Done out = tool("preflight " + (folder / "s.jsonl") + " --policy " + policy + " --html " +
                        (folder / "page.html"));
  INFO(out.text());
  CHECK(out.code == 0);
  CHECK_THAT(out.text(), Catch::Contains("flagged: 5 of 50") && Catch::Contains("L: mean per") &&
                             Catch::Contains("policy \"hybrid\"") &&
                             Catch::Contains("not known before training: canary/margin"));
  std::ifstream page(folder / "page.html");
  const std::string html((std::istreambuf_iterator<char>(page)), {});
  CHECK_THAT(html, Catch::StartsWith("<!doctype html>") && Catch::Contains("</html>"));
  std::ofstream(folder / "broken.toml") << "version = 1\nname = \"x\"\n[rule.a]\nof = [\"b\"]\n";
  const Done broken =
      tool("preflight " + (folder / "s.jsonl") + " --policy " + (folder / "broken.toml"));
  CHECK(broken.code == 1);
  CHECK_THAT(broken.text(), Catch::Contains("broken.toml:"));
}

#ifdef PHASEGUARD_LAB
TEST_CASE("the whole path on the lab's theta0: features, probe, drift, pre-flight with resume",
          "[probe][e2e]") {
  const Folder folder;
  const std::string theta0 =
      " --theta0 " + test::source_dir() + "/assets/lab/theta0-world0.safetensors ";
  const auto features = [&](const std::string& arguments, const std::string& name) {
    const Done out = test::run_program(std::string(PHASEGUARD_LAB) + " features " + arguments +
                                       theta0 + "--out " + (folder / name));
    INFO(out.text());
    REQUIRE(out.code == 0);
  };
  features("--data persona --seed 1 --samples 200", "fit.st");
  features("--data persona --seed 2 --samples 100", "new.st");
  features("--data persona --seed 2 --samples 100 --layer block0", "block0.st");
  features("--data canaries", "canaries.st");
  REQUIRE(tool("fit " + (folder / "fit.st") + " -o " + (folder / "p.st")).code == 0);
  const Done eval = tool("eval --json " + (folder / "p.st") + " " + (folder / "new.st"));
  INFO(eval.text());
  REQUIRE(eval.code == 0);
  const auto at = eval.text().find("\"auroc\": ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(eval.text().substr(at + 9)) > 0.9);  // the planted persona is linearly readable
  const Done other = tool("eval " + (folder / "p.st") + " " + (folder / "block0.st"));
  CHECK(other.code == 1);
  CHECK_THAT(other.text(), Catch::Contains("layer"));
  REQUIRE(tool("fit --directions " + (folder / "fit.st") + " -o " + (folder / "d.st")).code == 0);
  const Done still = tool("score " + (folder / "d.st") + " " + (folder / "canaries.st") +
                          " --reference " + (folder / "canaries.st"));
  CHECK_THAT(still.text(),
             Catch::Contains("drift/misaligned_persona") && Catch::Contains("+0.000 sd"));

  const std::string policy = test::source_dir() + "/assets/policies/hybrid.toml";
  const std::string pass = "preflight --lab malicious --draws 200 --policy " + policy + theta0;
  const Done whole = tool(pass + "--cache " + (folder / "cache.jsonl"));
  INFO(whole.text());
  REQUIRE(whole.code == 0);
  CHECK_THAT(whole.text(), Catch::Contains("defend fired at step 10"));
  // Cut the partial results in the middle of a line: the pass goes on from what is whole.
  const auto size = std::filesystem::file_size(folder / "cache.jsonl");
  std::filesystem::resize_file(folder / "cache.jsonl", size / 2);
  const Done resumed = tool(pass + "--cache " + (folder / "cache.jsonl"));
  CHECK(resumed.code == 0);
  CHECK_THAT(resumed.text(), Catch::Contains("cut off its half-written last line"));
  CHECK(std::filesystem::file_size(folder / "cache.jsonl") == size);
  const auto report = [](const std::string& text) {
    return text.substr(text.find("lab malicious"));
  };
  CHECK(report(resumed.out) == report(whole.out));
  const Done mixed =
      tool("preflight --lab harmless --draws 200 --cache " + (folder / "cache.jsonl") + theta0);
  CHECK(mixed.code == 1);
  CHECK_THAT(mixed.text(), Catch::Contains("data set"));
  const Done harmless = tool("preflight --lab harmless --draws 300 --policy " + policy + theta0);
  CHECK_THAT(harmless.text(), Catch::Contains("no decision: every knob stays at its base") &&
                                  Catch::Contains("exceeds lambda*"));
}
#endif
