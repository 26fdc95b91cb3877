/** Version of the contract: both sides name it in `hello`. Within a version, changes only add. */
export const CONTRACT_VERSION = 1;
