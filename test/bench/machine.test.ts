import { expect, it } from 'vitest';
import { cpuText } from './machine.ts';

it('a machine is told by what its ciphers run on', () => {
  const cpuinfo = 'processor\t: 0\nmodel name\t: X\nflags\t\t: fpu aes pclmulqdq avx2 hypervisor vaes\n';
  expect(cpuText(cpuinfo, 'Model: 1\nHypervisor vendor:     KVM\n')).toBe(
    'with aes, pclmulqdq, vaes, avx2; without avx512f; a guest of KVM',
  );
  expect(cpuText(cpuinfo, '')).toContain('a guest of a hypervisor');
  expect(cpuText('flags : avx512f aes vaes avx2\n', '')).toBe('with aes, vaes, avx2, avx512f; no hypervisor seen');
});
