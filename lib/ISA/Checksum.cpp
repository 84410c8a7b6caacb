// The section checksum and SHA-256.
#include "lib/ISA/Checksum.h"

#include "lib/ISA/RegularFile.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace manaslu::isa {

//===-- Section checksum ---------------------------------------------------===//

static constexpr uint64_t kPrime = 0x9e3779b97f4a7c15;

Checksum::Checksum() {
  for (size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i] = kPrime * (2 * i + 1);
}

void Checksum::block(const std::byte *bytes) {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    uint64_t word;
    std::memcpy(&word, bytes + 8 * i, 8);
    // Both steps are bijections of the lane, so a changed word never comes out the same.
    uint64_t mixed = (lanes_[i] ^ word) * kPrime;
    lanes_[i] = mixed ^ (mixed >> 32);
  }
}

/// Feeds `bytes` through a 64-byte buffer into `block`, whole blocks straight from the source.
template <class Block> static void feed(std::span<const std::byte> bytes, std::array<std::byte, 64> &pending, size_t &pendingBytes, Block block) {
  if (pendingBytes) {
    size_t take = std::min(bytes.size(), 64 - pendingBytes);
    std::memcpy(pending.data() + pendingBytes, bytes.data(), take);
    pendingBytes += take;
    bytes = bytes.subspan(take);
    if (pendingBytes < 64)
      return;
    block(pending.data(), size_t(1));
    pendingBytes = 0;
  }
  size_t whole = bytes.size() / 64;
  if (whole)
    block(bytes.data(), whole);
  bytes = bytes.subspan(64 * whole);
  if (!bytes.empty())
    std::memcpy(pending.data(), bytes.data(), bytes.size());
  pendingBytes = bytes.size();
}

void Checksum::add(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (bytes.empty())
    return;
  feed(bytes, pending_, pendingBytes_, [this](const std::byte *data, size_t count) {
    for (size_t i = 0; i < count; ++i)
      block(data + 64 * i);
  });
}

uint64_t Checksum::finish() {
  if (pendingBytes_) {
    std::fill(pending_.begin() + pendingBytes_, pending_.end(), std::byte(0));
    block(pending_.data());
  }
  uint64_t hash = total_ * kPrime;
  for (uint64_t lane : lanes_) {
    hash = (std::rotl(hash, 23) ^ lane) * kPrime;
    hash ^= hash >> 29;
  }
  return hash;
}

uint64_t checksumOf(std::span<const std::byte> bytes) {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.finish();
}

//===-- SHA-256 ------------------------------------------------------------===//

alignas(16) static constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
    0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
    0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
    0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256Portable(uint32_t *state, const std::byte *data, size_t count) {
  for (; count; --count, data += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = uint32_t(data[4 * i]) << 24 | uint32_t(data[4 * i + 1]) << 16 | uint32_t(data[4 * i + 2]) << 8 | uint32_t(data[4 * i + 3]);
    for (int i = 16; i < 64; ++i) {
      uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::copy(state, state + 8, v);
    for (int i = 0; i < 64; ++i) {
      uint32_t t1 = v[7] + (std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + kRound[i] + w[i];
      uint32_t t2 = (std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      std::copy_backward(v, v + 7, v + 8);
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i)
      state[i] += v[i];
  }
}

#if defined(__x86_64__)
__attribute__((target("sha,sse4.1,ssse3"))) static void sha256Instructions(uint32_t *state, const std::byte *data, size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // The instructions want the state as {ABEF, CDGH}.
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(state)), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(state + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8);
  __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);
  for (; count; --count, data += 64) {
    __m128i savedAbef = abef, savedCdgh = cdgh, w[4];
    for (int i = 0; i < 4; ++i)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(data + 16 * i)), swap);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; ++i) {
      __m128i sum = _mm_add_epi32(w[i & 3], _mm_load_si128(reinterpret_cast<const __m128i *>(kRound + 4 * i)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (i < 12) {
        __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
        w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
      }
    }
    abef = _mm_add_epi32(abef, savedAbef);
    cdgh = _mm_add_epi32(cdgh, savedCdgh);
  }
  low = _mm_shuffle_epi32(abef, 0x1b);
  high = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(state), _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(state + 4), _mm_alignr_epi8(high, low, 8));
}
#endif

Sha256::Sha256() : state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

void Sha256::blocks(const std::byte *bytes, size_t count) {
#if defined(__x86_64__)
  static const bool hasInstructions = __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1");
  if (hasInstructions)
    return sha256Instructions(state_.data(), bytes, count);
#endif
  sha256Portable(state_.data(), bytes, count);
}

void Sha256::add(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (!bytes.empty())
    feed(bytes, pending_, pendingBytes_, [this](const std::byte *data, size_t count) { blocks(data, count); });
}

std::string Sha256::finish() {
  uint64_t bits = total_ * 8;
  std::byte tail[72] = {std::byte(0x80)};
  size_t padding = (pendingBytes_ < 56 ? 56 : 120) - pendingBytes_;
  for (int i = 0; i < 8; ++i)
    tail[padding + i] = std::byte(bits >> (56 - 8 * i));
  add({tail, padding + 8});
  std::string text;
  for (uint32_t word : state_)
    for (int shift = 28; shift >= 0; shift -= 4)
      text += "0123456789abcdef"[(word >> shift) & 15];
  return text;
}

Result<std::string> sha256OfFile(const std::string &path) {
  Result<RegularFile> file = RegularFile::open(path);
  if (!file)
    return file.error();
  Sha256 hash;
  std::vector<std::byte> chunk(size_t(1) << 20);
  for (uint64_t offset = 0; offset < file->size();) {
    size_t bytes = std::min<uint64_t>(chunk.size(), file->size() - offset);
    if (Status status = file->read(offset, {chunk.data(), bytes}); !status)
      return status.error();
    hash.add({chunk.data(), bytes});
    offset += bytes;
  }
  return hash.finish();
}

} // namespace manaslu::isa
