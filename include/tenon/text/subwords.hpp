// SPDX-License-Identifier: BSL-1.0
// Sub-words by SentencePiece (Kudo and Richardson, EMNLP 2018), a unigram language model of pieces (Kudo, ACL
// 2018). Needs the Debian package libsentencepiece-dev.
#pragma once
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/text/dataset.hpp"
#include "tenon/text/language.hpp"
#include "tenon/text/utf8.hpp"

namespace tenon::text {

class subword_tokeniser {
 public:
  /// From what `stored` gave. Throws tenon::error if it is anything else.
  explicit subword_tokeniser(std::string_view stored)
      : pieces_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
    if (!pieces_->LoadFromSerializedProto(stored).ok())
      throw error("this is no SentencePiece model: use the one that was stored with the translator");
  }

  /// Learns at most `most` pieces from sentences, special ones among them; fewer where there is too little
  /// text. The same sentences give the same pieces. Throws tenon::error if SentencePiece does.
  static subword_tokeniser learn(std::span<std::string_view const> sentences, std::size_t most) {
    if (!sentences.empty() &&
        std::ranges::none_of(sentences, &has_visible_character))  // SentencePiece would end the process
      throw error("there is nothing to see in any of the sentences: give text of letters or signs");
    sentence_list list(sentences);
    std::unordered_map<std::string, std::string> const how{
        {"model_type", "unigram"},
        {"vocab_size", std::to_string(most)},
        {"hard_vocab_limit", "false"},
        {"character_coverage", "1.0"},
        {"unk_id", "0"},
        {"pad_id", "1"},
        {"bos_id", "2"},
        {"eos_id", "3"},
        {"unk_piece", std::string(unk_token)},
        {"pad_piece", std::string(pad_token)},
        {"bos_piece", std::string(bos_token)},
        {"eos_piece", std::string(eos_token)},
        {"num_threads", "2"},  // sums are taken thread by thread: another number gives other pieces
        {"minloglevel", "2"},
    };
    std::string learnt;
    auto const status = sentencepiece::SentencePieceTrainer::Train(how, &list, &learnt);
    if (!status.ok())
      throw error("SentencePiece cannot learn pieces from these sentences (" +
                  printable(status.error_message(), 80) + "): give more text, or ask for fewer pieces");
    return subword_tokeniser(learnt);
  }

  std::vector<std::string> tokens(std::string_view sentence) const {
    if (valid_utf8_prefix(sentence) != sentence.size())
      throw error("a sentence is not valid UTF-8: convert it with iconv -f ENCODING -t UTF-8");
    std::vector<std::string> result;
    require(pieces_->Encode(sentence, &result));
    // Letters that it does not know stay as they are, and may read like what ends or fills up a row.
    for (auto& token : result)
      if (token == pad_token || token == bos_token || token == eos_token) token = unk_token;
    return result;
  }
  std::string text(std::span<std::string const> tokens) const {
    std::string result;
    require(pieces_->Decode(std::vector<std::string>(tokens.begin(), tokens.end()), &result));
    return result;
  }
  std::string comparable(std::string_view sentence) const { return std::string(sentence); }

  /// All pieces, in order of id.
  vocabulary words() const {
    std::vector<std::string> all;
    all.reserve(static_cast<std::size_t>(pieces_->GetPieceSize()));
    for (int id = 0; id < pieces_->GetPieceSize(); ++id) all.push_back(pieces_->IdToPiece(id));
    return vocabulary(std::move(all));
  }

  /// The model as a file of SentencePiece's holds it.
  std::string stored() const { return pieces_->serialized_model_proto(); }

 private:
  class sentence_list : public sentencepiece::SentenceIterator {
   public:
    explicit sentence_list(std::span<std::string_view const> sentences) : left_(sentences) { show(); }
    bool done() const override { return left_.empty(); }
    void Next() override {
      left_ = left_.subspan(1);
      show();
    }
    std::string const& value() const override { return shown_; }
    sentencepiece::util::Status status() const override { return {}; }

   private:
    void show() {
      if (!left_.empty()) shown_ = left_.front();
    }
    std::span<std::string_view const> left_;
    std::string shown_;
  };

  /// Is there a letter, number or sign, and not only spaces, controls and what stands for them?
  static bool has_visible_character(std::string_view sentence) {
    constexpr char32_t space_mark = 0x2581, no_character = 0xFFFD;
    for (std::size_t at = 0; at < sentence.size();) {
      char32_t code = 0;
      auto const length = decode_code_point(sentence, at, code);
      auto const kind = utf8proc_category(static_cast<utf8proc_int32_t>(code));
      bool const visible = kind != UTF8PROC_CATEGORY_CN && kind < UTF8PROC_CATEGORY_ZS;
      if (length > 0 && visible && code != space_mark && code != no_character) return true;
      at += std::max<std::size_t>(length, 1);
    }
    return false;
  }

  static void require(sentencepiece::util::Status const& status) {
    if (!status.ok()) throw error("SentencePiece failed: " + printable(status.error_message(), 80));
  }

  std::unique_ptr<sentencepiece::SentencePieceProcessor> pieces_;
};

/// How a recipe turns sentence pairs into arrays of sub-words.
struct subword_rules {
  using tokeniser = subword_tokeniser;
  std::size_t source_pieces = 8000, target_pieces = 8000;  ///< at most
  bool source_eos = true;
  std::size_t source_steps = 32;
  std::size_t target_steps = 32;
};

/// Learns both languages' pieces. Throws tenon::error if there are too few sentences, or a vocabulary exceeds
/// its capacity.
inline languages<subword_tokeniser> learn(std::span<sentence_pair const> pairs, subword_rules const& rules,
                                          vocabulary_capacities const& capacities = {}) {
  auto const one = [&](std::string sentence_pair::*which, std::size_t pieces, side side_of) {
    std::vector<std::string_view> sentences;
    sentences.reserve(pairs.size());
    for (auto const& pair : pairs) sentences.push_back(pair.*which);
    auto learnt = subword_tokeniser::learn(sentences, pieces);
    auto words = learnt.words();
    check_capacity(words, side_of == side::source ? capacities.source : capacities.target, side_of);
    return language<subword_tokeniser>{std::move(learnt), std::move(words)};
  };
  return {one(&sentence_pair::source, rules.source_pieces, side::source),
          one(&sentence_pair::target, rules.target_pieces, side::target)};
}

}  // namespace tenon::text
