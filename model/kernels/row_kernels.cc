#include "model/kernels/row_kernels.h"

#include <cmath>

#include "model/kernels/simd.h"

namespace maspo::kernels {

MASPO_KERNEL void RmsNormForward(const float* x, const float* weight, float eps, int64_t rows, int64_t width, float* y,
                                 float* inverse_rms) {
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < width; ++i) squares += x[i] * x[i];
    const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
    inverse_rms[row] = scale;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] = x[i] * scale * weight[i];
  }
}

// With n = x / rms: dL/dx = (g w - n mean(g w n)) / rms, dL/dw = sum over rows of g n.
MASPO_KERNEL void RmsNormBackward(const float* grad_y, const float* x, const float* weight, const float* inverse_rms,
                                  int64_t rows, int64_t width, float* grad_x, float* grad_weight) {
  for (int64_t row = 0; row < rows; ++row, x += width, grad_y += width, grad_x += width) {
    const float scale = inverse_rms[row];
    float projection = 0;
#pragma omp simd reduction(+ : projection)
    for (int64_t i = 0; i < width; ++i) projection += grad_y[i] * weight[i] * x[i];
    const float along = projection * scale * scale / static_cast<float>(width);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      grad_x[i] = (grad_y[i] * weight[i] - x[i] * along) * scale;
      grad_weight[i] += grad_y[i] * x[i] * scale;
    }
  }
}

MASPO_KERNEL void SwiGluForward(const float* gate_up, int64_t rows, int64_t width, float* y) {
  for (int64_t row = 0; row < rows; ++row, y += width) {
    const float* gate = gate_up + 2 * row * width;
    const float* up = gate + width;
    // Two loops: in one, the compiler divides once more for each end of Exp's range.
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] = Exp(-gate[i]);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] = gate[i] * up[i] / (1.0f + y[i]);
  }
}

MASPO_KERNEL void SwiGluBackward(const float* grad_y, const float* gate_up, int64_t rows, int64_t width,
                                 float* grad_gate_up) {
  for (int64_t row = 0; row < rows; ++row, grad_y += width) {
    const float* gate = gate_up + 2 * row * width;
    const float* up = gate + width;
    float* grad_gate = grad_gate_up + 2 * row * width;
    float* grad_up = grad_gate + width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float sigmoid = 1.0f / (1.0f + Exp(-gate[i]));
      grad_gate[i] = grad_y[i] * up[i] * sigmoid * (1.0f + gate[i] * (1.0f - sigmoid));
      grad_up[i] = grad_y[i] * gate[i] * sigmoid;
    }
  }
}

MASPO_KERNEL void RotateHeads(const float* x, int64_t x_stride, const float* cos, const float* sin, float direction,
                              int64_t rows, int64_t heads, int64_t half, float* y, int64_t y_stride) {
  for (int64_t row = 0; row < rows; ++row, cos += half, sin += half) {
    for (int64_t head = 0; head < heads; ++head) {
      const float* low = x + row * x_stride + head * 2 * half;
      const float* high = low + half;
      float* out_low = y + row * y_stride + head * 2 * half;
      float* out_high = out_low + half;
#pragma omp simd
      for (int64_t i = 0; i < half; ++i) {
        out_low[i] = low[i] * cos[i] - high[i] * sin[i] * direction;
        out_high[i] = high[i] * cos[i] + low[i] * sin[i] * direction;
      }
    }
  }
}

MASPO_KERNEL void LogSoftmaxForward(const float* z, const int64_t* target, int64_t rows, int64_t width,
                                    float* normalizer, float* logprob, float* entropy) {
  for (int64_t row = 0; row < rows; ++row, z += width) {
    float largest = z[0];
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < width; ++i) largest = z[i] > largest ? z[i] : largest;
    // Relative to the largest: sum of exp, and of exp * z for the entropy log Z - E[z].
    float sum = 0, weighted = 0;
#pragma omp simd reduction(+ : sum, weighted)
    for (int64_t i = 0; i < width; ++i) {
      const float shifted = z[i] - largest, exp = Exp(shifted);
      sum += exp;
      weighted += exp * shifted;
    }
    const float log_sum = std::log(sum);
    normalizer[row] = largest + log_sum;
    logprob[row] = z[target[row]] - largest - log_sum;
    entropy[row] = log_sum - weighted / sum;
  }
}

MASPO_KERNEL void LogSoftmaxBackward(float* z, const int64_t* target, const float* normalizer, const float* entropy,
                                     const float* grad_logprob, const float* grad_entropy, int64_t rows,
                                     int64_t width) {
  for (int64_t row = 0; row < rows; ++row, z += width) {
    const float log_sum = normalizer[row], slope = grad_entropy[row], factor = grad_logprob[row];
    const float offset = factor + slope * entropy[row];
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float log_p = z[i] - log_sum;
      z[i] = -Exp(log_p) * (offset + slope * log_p);
    }
    z[target[row]] += factor;
  }
}

}  // namespace maspo::kernels
