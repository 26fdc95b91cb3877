import { describe, expect, it } from 'vitest';
import { markdownTable, mergedRows, sectionOf, withSection } from './sections.ts';

describe('a page of sections', () => {
  const first = withSection('', '# Page\n\nHead.', '2-b', '## B\n\nold');

  it('keeps what others wrote, in the order of names', () => {
    const both = withSection(first, '# Page\n\nHead.', '1-a', '## A');
    expect(both.indexOf('## A')).toBeLessThan(both.indexOf('## B'));
    expect(both).toContain('old');
  });

  it('replaces its own section and the head, nothing else', () => {
    const both = withSection(first, '# Page', '1-a', '## A');
    const again = withSection(both, '# Title', '2-b', '## B\n\nnew');
    expect(again).toMatch(/^# Title\n/);
    expect(again).toContain('## A');
    expect(again).not.toContain('old');
    expect(withSection(again, '# Title', '2-b', '## B\n\nnew')).toBe(again);
  });

  it('takes bars out of cells', () => {
    expect(markdownTable(['a'], [['x|y']])).toBe('| a |\n|---|\n| x/y |');
  });

  it('replaces rows that were measured again, in their places', () => {
    const head = ['pair', 'way', 'seen'];
    const page = withSection(
      '',
      '# Page',
      'a',
      `## A\n\n${markdownTable(head, [
        ['x|y', 'tcp', '1'],
        ['x|y', 'udp', '2'],
      ])}`,
    );
    const rows = [
      ['x|y', 'tcp', '3'],
      ['z', 'udp', '4'],
    ];
    expect(mergedRows(sectionOf(page, 'a'), head, rows, 2)).toEqual([
      ['x|y', 'tcp', '3'],
      ['x/y', 'udp', '2'],
      ['z', 'udp', '4'],
    ]);
    expect(mergedRows(sectionOf(page, 'a'), ['pair', 'seen', 'way'], rows, 2)).toEqual(rows);
    expect(mergedRows(sectionOf(page, 'b'), head, rows, 2)).toEqual(rows);
  });
});
