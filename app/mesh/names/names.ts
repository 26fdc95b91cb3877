// Names that resolve, from the labels that the records settled: unique in their network, the same at every member.
export const DOMAIN = 'weft';
const LABEL_CHARS_MAX = 63;

/** "anna.home.weft" */
export const dnsName = (member: string, network: string): string => `${member}.${dnsDomain(network)}`;
/** "home.weft" */
export const dnsDomain = (network: string): string => `${network}.${DOMAIN}`;
/** For mDNS, where everything shares one level: "anna-home" (.local). */
export const mdnsName = (member: string, network: string): string =>
  `${member}-${network}`.slice(0, LABEL_CHARS_MAX).replace(/-+$/, '');
