/** How far something that was sent has come. `queued`: its host has it, and the agent has not read it. */
export type ReceiptStage = 'sending' | 'sent' | 'queued' | 'delivered' | 'unknown' | 'refused';
