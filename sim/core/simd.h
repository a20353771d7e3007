#pragma once

/// Marks a function that may use AVX2: called only where best_simd() says kAvx2.
#if defined(__x86_64__)
#define REHEARSAL_AVX2 __attribute__((target("avx2,bmi")))
#else
#define REHEARSAL_AVX2
#endif

namespace rehearsal {

/// Whether kernels use AVX2. Either way every sum takes its terms in the same order without fused
/// multiply-add, so no byte depends on it.
enum class Simd { kScalar, kAvx2 };
/// The best that this machine has.
Simd best_simd();

/// Four doubles; without AVX2 the compiler makes two halves of it, with the same results.
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

}  // namespace rehearsal
