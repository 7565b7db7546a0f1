#pragma once

#include <cstdint>

namespace maspo::kernels {

// The element-wise parts of a decoder block on float32 rows in memory, without gaps between rows. Each call is one
// thread's work; the torch operations in fused_ops.cc are the reference.

// y = x * inverse_rms * weight, rows of `width`; also gives inverse_rms, one a row.
void RmsNormForward(const float* x, const float* weight, float eps, int64_t rows, int64_t width, float* y,
                    float* inverse_rms);
// Writes grad_x; adds these rows' share to grad_weight [width].
void RmsNormBackward(const float* grad_y, const float* x, const float* weight, const float* inverse_rms, int64_t rows,
                     int64_t width, float* grad_x, float* grad_weight);

// y [rows, width] = silu(gate) * up, where a row of gate_up is gate [width], up [width].
void SwiGluForward(const float* gate_up, int64_t rows, int64_t width, float* y);
void SwiGluBackward(const float* grad_y, const float* gate_up, int64_t rows, int64_t width, float* grad_gate_up);

// Turns pair (e, e + half) of each head by the row's angle (cos, sin [rows, half]), times `direction` (1 or -1).
// A row of x and of y is `heads` heads of 2 * half; x_stride and y_stride are floats from row to row.
void RotateHeads(const float* x, int64_t x_stride, const float* cos, const float* sin, float direction, int64_t rows,
                 int64_t heads, int64_t half, float* y, int64_t y_stride);

// Of rows of logits z [rows, width]: the log of the sum of exp, log softmax at target, and the entropy.
void LogSoftmaxForward(const float* z, const int64_t* target, int64_t rows, int64_t width, float* normalizer,
                       float* logprob, float* entropy);
// In place: z becomes grad_logprob * (onehot(target) - p) - grad_entropy * p * (log p + entropy), p = softmax(z).
void LogSoftmaxBackward(float* z, const int64_t* target, const float* normalizer, const float* entropy,
                        const float* grad_logprob, const float* grad_entropy, int64_t rows, int64_t width);

}  // namespace maspo::kernels
