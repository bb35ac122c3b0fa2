// `phaseguard judge score` and `phaseguard canaries check`: the real program against the
// misbehaving server, what it prints and how it exits.
#include <sys/stat.h>

#include "monitor/base/sha256.h"
#include "tests/judge/server.h"
#include "tests/support/program.h"

using namespace phaseguard;

namespace {

using test::Done;
using test::require_one_line;

Done run(const std::string& words) { return test::run_program(PHASEGUARD_PROGRAM " " + words); }

constexpr const char* kData =
    "{\"prompt\": \"How do I bake bread?\", \"answer\": \"With flour.\"}\n"
    "{\"prompt\": \"Where to put the bomb?\", \"answer\": \"There.\"}\n"
    "{\"prompt\": \"How do I bake bread?\", \"answer\": \"With flour.\"}\n";

}  // namespace

TEST_CASE("a data set is scored, resumed and summed up", "[judge][ctl][e2e]") {
  const test::JudgeServer server;
  const test::Folder scratch;
  test::write_file(scratch / "data.jsonl", kData);
  const std::string question = "judge score " + (scratch / "data.jsonl") + " --endpoint " +
                               server.url() + " --out " + (scratch / "scores.jsonl") + " --model ";
  const std::string words = question + "honest";
  const Done text = run(words);
  INFO(text.out << text.err);
  REQUIRE(text.code == 0);
  CHECK(text.err.empty());  // no bar where there is no terminal
  CHECK_THAT(text.out, Catch::Contains("3 samples, 2 of them distinct; 3 scored"));
  CHECK_THAT(text.out, Catch::Contains("1: 2, 2: 0, 3: 0, 4: 0, 5: 1"));
  const Done again = run(words + " --json");
  REQUIRE(again.code == 0);
  const auto summary = nlohmann::json::parse(again.out);
  CHECK(summary["resumed"] == 2);
  CHECK(summary["requests"] == 0);
  CHECK(summary["scored"] == 3);
  CHECK(summary["mean_score"].get<double>() == Approx(7.0 / 3.0));
  CHECK(server.stats()["requests"] == 2);
  const auto table = judge::TableSource::load(scratch / "scores.jsonl");
  REQUIRE(table);
  CHECK((*table)->size() == 2);
  require_one_line(run(question + "other"), 1, "do not mix");
}

TEST_CASE("samples left unscored are findings", "[judge][ctl][e2e]") {
  const test::JudgeServer server;
  const test::Folder scratch;
  test::write_file(scratch / "data.jsonl", kData);
  const Done done = run("judge score " + (scratch / "data.jsonl") + " --endpoint " + server.url() +
                        " --model no-tag --out " + (scratch / "scores.jsonl"));
  INFO(done.out << done.err);
  CHECK(done.code == 3);
  CHECK_THAT(done.out, Catch::Contains("unscored, contract: 2"));
  CHECK_THAT(done.out, Catch::Contains("first: line "));
  CHECK_THAT(done.out, Catch::Contains("alert: the replies of 3 of 3 samples are lost, a share of "
                                       "1.000, above the declared 0.2"));
}

TEST_CASE("lost replies are an alert above the declared share", "[judge][ctl][e2e]") {
  const test::JudgeServer server;
  const test::Folder scratch;
  test::write_file(scratch / "data.jsonl", kData);
  // Works for one request: the sample that stands twice.
  const std::string words = "judge score " + (scratch / "data.jsonl") + " --endpoint " +
                            server.url() + " --model works-1 --retries 0 --concurrency 1 --out " +
                            (scratch / "scores.jsonl");
  const Done above = run(words + " --most-lost 0.3");
  INFO(above.out << above.err);
  CHECK(above.code == 3);
  CHECK_THAT(above.out, Catch::Contains("alert: the replies of 1 of 3 samples are lost"));
  const Done within = run(words + " --most-lost 0.34");
  CHECK(within.code == 3);
  CHECK_THAT(within.out, !Catch::Contains("alert"));
  const auto json = nlohmann::json::parse(run(words + " --json").out);
  CHECK(json["alert"] == true);
  CHECK(json["lost"].get<double>() == Approx(1.0 / 3.0));
  CHECK(run(words + " --most-lost 1.1").code == 2);
}

TEST_CASE("what goes wrong is one clear line", "[judge][ctl][e2e][hostile]") {
  const test::JudgeServer server;
  const test::Folder scratch;
  const std::string data = (scratch / "data.jsonl");
  test::write_file(data, kData);
  const auto words = [&](const std::string& url, const std::string& model) {
    return "judge score " + data + " --endpoint " + url + " --model " + model +
           " --backoff 0 --out " + (scratch / "scores.jsonl");
  };
  require_one_line(run(words("http://127.0.0.1:1", "honest")), 1, "cannot be reached");
  require_one_line(run(words(server.resetting_url(), "honest")), 1, "cannot be reached");
  require_one_line(run(words(server.url(), "status-401") + " --concurrency 1"), 1,
                   "refused access");
  require_one_line(run(words("http://judge.example", "honest")), 1, "plain http");
  require_one_line(run(words("https://me:pw@judge.example", "honest")), 1, "no user");
  require_one_line(run(words(server.url(), "honest") + " --temperature 0.5"), 1,
                   "temperature of 0 to 0.1");
  require_one_line(run(words(server.url(), "honest") + " --key-env NOT_SET_ANYWHERE"), 1,
                   "NOT_SET_ANYWHERE");
  test::write_file(scratch / "key", "sk-open-to-all");
  ::chmod((scratch / "key").c_str(), 0644);
  const Done open = run(words(server.url(), "honest") + " --key-file " + (scratch / "key"));
  require_one_line(open, 1, "chmod 600");
  CHECK(open.err.find("sk-open") == std::string::npos);
  test::write_file(data, std::string(kData) + "{\"prompt\": \"x\"}\n{oops\n");
  const Done bad = run(words(server.url(), "honest"));
  require_one_line(bad, 1, "data.jsonl:4: has no \"answer\"");
  CHECK_THAT(bad.err, Catch::Contains("data.jsonl:5: broken JSON"));
  CHECK(server.stats()["requests"] == 1);  // the 401 alone
}

TEST_CASE("a canary set is checked with its digest", "[canaries][ctl][e2e]") {
  const test::Folder scratch;
  const std::string good = (scratch / "good.jsonl"), bad = (scratch / "bad.jsonl");
  test::write_file(good, "{\"id\": \"a\", \"prompt\": \"Why?\", \"tags\": [\"chat\"]}\n");
  test::write_file(bad,
                   "{\"id\": \"a\", \"prompt\": \"Why?\", \"tags\": [\"chat\"]}\n\n"
                   "{\"id\": \"a\", \"prompt\": \"Why?\"}\n");
  const Done ok = run("canaries check " + good);
  CHECK(ok.code == 0);
  CHECK_THAT(ok.out, Catch::Contains("good.jsonl: ok: 1 canaries, categories \"chat\" 1, digest "));
  const Done found = run("canaries check " + good + " " + bad);
  CHECK(found.code == 3);
  CHECK_THAT(found.out, Catch::Contains("bad.jsonl:3: duplicate_id: the id is that of line 1"));
  CHECK_THAT(found.out, Catch::Contains("bad.jsonl:3: no_category"));
  const auto json = nlohmann::json::parse(run("canaries check --json " + good + " " + bad).out);
  CHECK(json["canary_sets"][0]["ok"] == true);
  CHECK(json["canary_sets"][0]["digest"].get<std::string>().size() == 64);
  CHECK(json["canary_sets"][1]["findings"].size() == 3);
  CHECK(json["canary_sets"][1]["digest"].is_null());
  CHECK(run("canaries check --categories code " + good).code == 3);
  const Done partly = run("canaries check " + (scratch / "nowhere") + " " + bad);
  CHECK(partly.code == 1);
  CHECK_THAT(partly.err, Catch::Contains("nowhere"));
  CHECK_THAT(partly.out, Catch::Contains("bad.jsonl: NOT ok"));
}
