#include <cmath>
#include <cstdlib>

#include "monitor/base/base64.h"
#include "monitor/base/sha256.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/base/types.h"
#include "tests/support/catch.h"

using namespace phaseguard;

TEST_CASE("a run id is safe as a file name", "[base]") {
  CHECK(RunId::parse("lab-malicious_7.a")->text() == "lab-malicious_7.a");
  for (const char* bad : {"", ".", "..", "a/b", "a b", "\x1b[31m", "caf\xc3\xa9"}) {
    INFO(bad);
    CHECK_FALSE(RunId::parse(bad));
  }
  CHECK(RunId::parse(std::string(64, 'x')));
  CHECK_FALSE(RunId::parse(std::string(65, 'x')));
}

TEST_CASE("text from outside cannot reach a terminal as control bytes", "[base][hostile]") {
  CHECK(quoted("a\x1b[2J\n\"") == "\"a\\x1b[2J\\n\\\"\"");
  CHECK(quoted(std::string(300, 'a'), 3) == "\"aaa...\"");
  CHECK(quoted("\xc3\xa9\xff\xc3(\xe2\x82") == "\"\xc3\xa9\\xff\\xc3(\\xe2\\x82\"");
  CHECK(quoted("a\xc3\xa9z", 2) == "\"a...\"");  // no half of a character
  CHECK(quoted("a\xc3\xa9z", 3) == "\"a\xc3\xa9...\"");
  CHECK(quoted("\x80\x80\x80\x80\x80", 4) == "\"\\x80...\"");
}

TEST_CASE("a slip of the pen finds its word", "[base]") {
  CHECK(nearest("consecutve", {"above", "consecutive", "warmup"}) == "consecutive");
  CHECK(nearest("zzz", {"above", "consecutive", "warmup"}).empty());
}

TEST_CASE("numbers read back as the same double", "[base]") {
  for (double x : {0.1, 1.0 / 3.0, 1e-308, -0.0, 5e-324})
    CHECK(std::strtod(number_text(x).c_str(), nullptr) == x);
  CHECK(number_text(std::nan("")) == "NaN");
}

TEST_CASE("SHA-256 of the empty string", "[base][golden]") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("base64 as RFC 4648 has it", "[base][golden]") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64({"\x00\xfb\xff", 3}) == "APv/");
  for (const std::string bytes : {"", "f", "fo", "foobar"})
    CHECK(from_base64(base64(bytes)) == bytes);
  CHECK(from_base64("APv/") == std::string("\x00\xfb\xff", 3));
  for (const char* wrong : {"Z", "Zg=", "Zg", "Z g==", "Zg==\n", "\xff"})
    CHECK(!from_base64(wrong));
}

TEST_CASE("numbers in tables are short, and say when they are none", "[base]") {
  CHECK(short_number(0.307123) == "0.3071");
  CHECK(short_number(0.307123, 3) == "0.307");
  CHECK(short_number(1.2e-5) == "1.2e-05");
  CHECK(short_number(123456.0) == "1.235e+05");
  CHECK(short_number(2.0) == "2");
  CHECK(short_number(std::nan("")) == "-");
  CHECK(short_number(INFINITY) == "inf");
  CHECK(short_number(INFINITY, 3, "none") == "none");
  CHECK(short_number(-INFINITY, 3, "none") == "-inf");
  CHECK(percent(0.12345) == "12.3 %");
  CHECK(percent(1.0) == "100.0 %");
  CHECK(counted(1, "run") == "1 run");
  CHECK(counted(0, "run") == "0 runs");
  CHECK(counted(2, "policy", "policies") == "2 policies");
}

TEST_CASE("columns line up, also behind characters of several bytes", "[base]") {
  CHECK(padded("ab", 4) == "ab  ");
  CHECK(padded("\xc3\xa9", 3) == "\xc3\xa9  ");
  CHECK(padded("abcd", 4) == "abcd ");  // never touches the next column
  CHECK(padded("abcd", 4, 0) == "abcd");
  CHECK(padded("a", 4, 2) == "a   ");
  CHECK(right_aligned("\xc3\xa9", 3) == "  \xc3\xa9");
  CHECK(right_aligned("abcd", 3) == "abcd");
}
