#include "canaries/lint/likeness.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

namespace phaseguard::canaries {

namespace {

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

// Scripts that set no space between words, and how many neighbours make a piece: of signs that are
// words or syllables two, of letters four.
struct Unspaced {
  utf8proc_int32_t first, last;
  std::size_t piece;
};
constexpr Unspaced kUnspaced[] = {
    {0x0e00, 0x0eff, 4},    // Thai, Lao
    {0x1000, 0x109f, 4},    // Burmese
    {0x1780, 0x17ff, 4},    // Khmer
    {0x1950, 0x19df, 4},    // Tai Le, New Tai Lue
    {0x1a20, 0x1aaf, 4},    // Tai Tham
    {0x1b00, 0x1b7f, 4},    // Balinese
    {0x2e80, 0x2fdf, 2},    // radicals
    {0x3005, 0x3007, 2},    // marks among ideographs
    {0x3040, 0x312f, 2},    // kana, Bopomofo
    {0x31a0, 0x31ff, 2},    // their extensions
    {0x3400, 0x4dbf, 2},    // ideographs
    {0x4e00, 0x9fff, 2},    // ideographs
    {0xa000, 0xa4cf, 2},    // Yi
    {0xa980, 0xa9df, 4},    // Javanese
    {0xaa60, 0xaadf, 4},    // Burmese, Tai Viet
    {0xf900, 0xfaff, 2},    // ideographs
    {0x20000, 0x3fffd, 2},  // ideographs
};

// 1: a script with spaces.
std::size_t piece_of(utf8proc_int32_t sign) {
  for (const Unspaced& one : kUnspaced) {
    if (sign >= one.first && sign <= one.last) return one.piece;
  }
  return 1;
}

bool is_inside(utf8proc_int32_t sign) {
  const utf8proc_category_t category = utf8proc_category(sign);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

// What takes room and shows nothing: separators, breaks of lines, the empty pattern of Braille.
bool is_space(utf8proc_int32_t sign) {
  const utf8proc_category_t category = utf8proc_category(sign);
  return (sign >= '\t' && sign <= '\r') || sign == 0x85 || sign == 0x2800 ||
         (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool is_unseen(utf8proc_int32_t sign) {
  const utf8proc_category_t category = utf8proc_category(sign);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CN;
}

std::vector<utf8proc_int32_t> signs_of(std::string_view text) {
  std::vector<utf8proc_int32_t> out;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t sign = 0;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                         static_cast<utf8proc_ssize_t>(text.size() - at), &sign);
    if (length <= 0) break;
    out.push_back(sign);
    at += static_cast<std::size_t>(length);
  }
  return out;
}

void append(std::string& out, utf8proc_int32_t sign) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(sign, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::string text_of(std::vector<utf8proc_int32_t>::const_iterator from,
                    std::vector<utf8proc_int32_t>::const_iterator to) {
  std::string out;
  for (; from != to; ++from) append(out, *from);
  return out;
}

}  // namespace

std::string seen(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                                                  UTF8PROC_COMPAT | UTF8PROC_IGNORE));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(mapped);
  if (length < 0) return std::string(text);
  std::string out;
  bool gap = false;
  const std::string_view whole(reinterpret_cast<const char*>(mapped),
                               static_cast<std::size_t>(length));
  for (const utf8proc_int32_t sign : signs_of(whole)) {
    if (is_space(sign)) {
      gap = !out.empty();
    } else if (!is_unseen(sign)) {
      if (gap) out += ' ';
      gap = false;
      append(out, utf8proc_tolower(sign));
    }
  }
  return out;
}

std::vector<std::size_t> Pieces::of(const std::vector<std::string>& texts) {
  std::vector<std::size_t> out;
  const auto add = [&](std::string piece) {
    out.push_back(ids_.emplace(std::move(piece), ids_.size()).first->second);
  };
  for (const std::string& text : texts) {
    const std::vector<utf8proc_int32_t> signs = signs_of(text);
    for (auto from = signs.begin(); from != signs.end();) {
      if (!is_inside(*from)) {
        ++from;
        continue;
      }
      const std::size_t n = piece_of(*from);
      const auto to = std::find_if_not(from, signs.end(), [&](utf8proc_int32_t sign) {
        return is_inside(sign) && piece_of(sign) == n;
      });
      const auto length = static_cast<std::size_t>(to - from);
      const std::size_t size = n == 1 ? length : std::min(n, length);
      for (std::size_t i = 0; i + size <= length; ++i) {
        const auto begin = from + static_cast<std::ptrdiff_t>(i);
        add(text_of(begin, begin + static_cast<std::ptrdiff_t>(size)));
      }
      from = to;
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::size_t both = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    both += a[i] == b[j] ? 1 : 0;
    const bool first = a[i] <= b[j], second = b[j] <= a[i];
    i += first ? 1 : 0;
    j += second ? 1 : 0;
  }
  const std::size_t either = a.size() + b.size() - both;
  return either == 0 ? 0.0 : static_cast<double>(both) / static_cast<double>(either);
}

}  // namespace phaseguard::canaries
