// Texts: flat keys in one file per language, ICU-like plurals by suffix, `{x}` filled in.
import i18next from 'i18next';
import { initReactI18next, useTranslation } from 'react-i18next';
import { ERRORS, type ErrorCode, type Failure } from '../../../app/contract/errors.ts';
import en from './en.json';

type Plain<K extends string> = K extends `${infer Base}_one` | `${infer Base}_other` ? Base : K;
/** Every text that exists; plural forms are asked for without their suffix. */
export type Key = Plain<keyof typeof en & string>;
export type Values = Record<string, string | number>;
export type Translate = (key: Key, values?: Values) => string;

/** Languages on offer, in their own words. */
export const LANGUAGES: Record<string, string> = { en: 'English' };

// The errors' English texts have one home, the contract's table; en.json only says better what the window says differently.
const errors = Object.fromEntries(
  Object.entries(ERRORS).flatMap(([code, { text, remedy }]) => [
    [`error.${code}.text`, text],
    [`error.${code}.remedy`, remedy],
  ]),
);

void i18next.use(initReactI18next).init({
  lng: 'en',
  fallbackLng: 'en',
  resources: { en: { translation: { ...errors, ...en } } },
  keySeparator: false,
  nsSeparator: false,
  interpolation: { prefix: '{', suffix: '}', escapeValue: false },
  initAsync: false,
  returnEmptyString: true,
});

/** Only languages that exist are taken. */
export function setLanguage(language: string): void {
  const wanted = language in LANGUAGES ? language : 'en';
  if (i18next.language !== wanted) void i18next.changeLanguage(wanted);
  document.documentElement.lang = wanted;
}

export function useT(): Translate {
  const { t } = useTranslation();
  return t as unknown as Translate;
}

/** A failure in plain words: what happened, and what to do about it (may be empty). */
export function errorTexts(failure: { code: string; data?: Failure['data'] }): { text: string; remedy: string } {
  const code: ErrorCode = failure.code in ERRORS ? (failure.code as ErrorCode) : 'internal';
  const data = { why: failure.code, what: '', ...failure.data };
  const t = i18next.t as unknown as (key: string, values: Values) => string;
  return { text: t(`error.${code}.text`, data), remedy: t(`error.${code}.remedy`, data) };
}

export const currentLanguage = (): string => i18next.language;
